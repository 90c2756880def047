/// One line of a ShapeEdit metadata file: the Edit-R1 keys, and what only a generated world can know.
struct ShapeDatasetRow: Sendable, Hashable, Codable {
    /// The instruction.
    var prompt: String
    /// The source image, relative to the folder.
    var image: String
    /// What a correct result must satisfy besides; empty in this world, whose instructions say it all.
    var requirement: String
    /// The image that the instruction asks for, relative to the folder.
    var target: String
    /// The kind of edit.
    var operation: ShapeOperation
    /// The scene of the source image.
    var scene: ShapeScene
    /// The scene of the target image.
    var editedScene: ShapeScene
    /// Whether the operation and its object are a combination that no training row has.
    var heldOutCombination: Bool
    /// A strip of candidate images side by side, relative to the folder.
    var candidates: String?
    /// The oracle's score of each candidate, left to right, 0 to 1.
    var candidateScores: [Double]?
    /// Where the candidates come from, such as the name of a policy snapshot.
    var candidateOrigin: String?

    private enum CodingKeys: String, CodingKey {
        case prompt, image, requirement, target, operation, scene, candidates
        case editedScene = "edited_scene"
        case heldOutCombination = "held_out_combination"
        case candidateScores = "candidate_scores"
        case candidateOrigin = "candidate_origin"
    }
}
