import Foundation
import Imaging
import Shared

/// The pictures of one call of `sample`, with the judge's scores when one was asked.
struct SampleCandidates {
    /// One picture.
    struct Candidate {
        /// Position in the order of seeds, from 0.
        var index: Int
        /// The picture.
        var picture: PixelImage
        /// The judge's score, 0...1; nil without a judge.
        var score: Double?
    }

    /// In the order of seeds, or best first once they are scored.
    private(set) var candidates: [Candidate]

    /// Takes pictures in the order of their seeds.
    init(_ pictures: [PixelImage]) {
        candidates = pictures.enumerated().map {
            Candidate(index: $0.offset, picture: $0.element, score: nil)
        }
    }

    /// Connects to the judge; called before any work, so that a missing server costs no picture.
    ///
    /// - Parameter url: The reward server.
    /// - Returns: The client of a server that is ready.
    /// - Throws: `RewardError`.
    @discardableResult
    static func connect(to url: String) async throws -> ScoreClient {
        let token = ProcessInfo.processInfo.environment["EDIT_R1_API_KEY"]
        let client = try ScoreClient(urls: [url], token: token)
        _ = try await client.waitUntilReady()
        return client
    }

    /// Scores all pictures in one request and sorts them, best first.
    ///
    /// - Parameters:
    ///   - url: The reward server.
    ///   - source: The picture that was edited, as the policy saw it.
    ///   - instruction: What was asked for.
    /// - Throws: `RewardError`, also when the judge gives no score for a picture: then nothing is written.
    mutating func score(url: String, source: PixelImage, instruction: String) async throws {
        let client = try await Self.connect(to: url)
        let request = JudgeRequest(
            source: source,
            instruction: instruction,
            requirement: "",
            candidates: candidates.map(\.picture)
        )
        switch try await client.score([request])[0].scores {
        case .complete(let scores):
            for (index, score) in scores.enumerated() { candidates[index].score = score }
        case .missing(let reason):
            throw PolicyError.setting(
                name: "score",
                value: url,
                reason: "the judge gave no scores: \(reason)"
            )
        }
        // Of equal scores the earlier seed stays first.
        candidates.sort { (-($0.score ?? 0), $0.index) < (-($1.score ?? 0), $1.index) }
    }

    /// The file of the candidate at a place of the order: the output itself when there is one, else `name-1.png`, ….
    func path(_ place: Int, output: String) -> String {
        candidates.count == 1 ? output : "\(output.dropLast(".png".count))-\(place + 1).png"
    }

    /// A line for every candidate: place, candidate, score, file.
    func table(output: String) -> String {
        var lines = [["place", "candidate", "score", "file"]]
        for (place, candidate) in candidates.enumerated() {
            lines.append([
                "\(place + 1)", "\(candidate.index)", candidate.score.map { Text.decimal($0, 4) } ?? "-",
                path(place, output: output),
            ])
        }
        return lines.map { line in
            line.prefix(3).map { $0.padding(toLength: 11, withPad: " ", startingAt: 0) }.joined() + line[3]
        }.joined(separator: "\n")
    }

    /// All pictures beside the source, four in a row.
    func grid(source: PixelImage, instruction: String) -> PictureTable {
        let cells =
            [PictureTable.Cell(picture: source, caption: "source")]
            + candidates.map { candidate in
                let score = candidate.score.map { "  " + Text.decimal($0, 3) } ?? ""
                return PictureTable.Cell(picture: candidate.picture, caption: "\(candidate.index)\(score)")
            }
        let rows = stride(from: 0, to: cells.count, by: 4).map { start in
            PictureTable.Row(
                caption: start == 0 ? instruction : "",
                cells: Array(cells[start..<min(start + 4, cells.count)])
            )
        }
        return PictureTable(rows: rows)
    }
}
