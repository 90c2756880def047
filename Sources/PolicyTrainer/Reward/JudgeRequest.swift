import Imaging
import Shared

/// One group as the judge gets it: a source, an instruction and the candidates.
struct JudgeRequest: Sendable {
    /// The source image, as the policy saw it.
    let source: PixelImage
    /// The instruction.
    let instruction: String
    /// What a correct result must satisfy besides; may be empty.
    let requirement: String
    /// The candidates, at least one.
    let candidates: [PixelImage]

    /// The request in the servers' format; images travel without loss.
    ///
    /// - Parameter rubric: The rubric's name; nil leaves the choice to the server.
    /// - Returns: A request whose candidates are named by their positions.
    /// - Throws: `EncodeError` when an image cannot be encoded.
    func encoded(rubric: String?) throws -> EditScoresRequest {
        EditScoresRequest(
            source: SourceImage(image: try JudgeRequest.uri(of: source)),
            instruction: instruction,
            requirement: requirement.isEmpty ? nil : requirement,
            edits: try candidates.enumerated().map {
                EditCandidate(id: String($0.offset), image: try JudgeRequest.uri(of: $0.element))
            },
            rubric: rubric.map { .named($0) },
            // Nothing but the scores is read; the labels' mass would take the judge's whole output head.
            options: ScoreOptions(returned: [])
        )
    }

    private static func uri(of image: PixelImage) throws -> String {
        DataURI(image: try PNGEncoder.encode(image)).text
    }
}

/// The fate of one group at the judges.
struct JudgeReply: Sendable, Hashable {
    /// The scores, or why there are none.
    var scores: GroupScores
    /// Identity of the judge that answered; nil when none did.
    var fingerprint: String?
    /// From the first try to the end, in seconds.
    var seconds: Double
    /// How many exchanges it took.
    var attempts: Int
}
