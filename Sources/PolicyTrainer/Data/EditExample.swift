/// One row of a dataset: a source image, an instruction, and what a correct result must satisfy.
struct EditExample: Sendable, Hashable {
    /// The row's number within its split, from 0: the key of its group, its noise and its statistics.
    let row: Int
    /// What the edit shall do.
    let instruction: String
    /// What a correct result must satisfy besides; may be empty.
    let requirement: String
    /// The source image's file.
    let image: String
    /// The file of the image that the instruction asks for; only generated worlds know it, and training never
    /// reads it.
    let target: String?
    /// The kind of edit; nil when the dataset does not say.
    let operation: String?
}
