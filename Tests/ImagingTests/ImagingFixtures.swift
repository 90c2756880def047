import Foundation
import Imaging
import Shared
import Testing

/// The files that scripts/fixtures/imaging.py made, and what Pillow, transformers and diffusers make of them.
struct ImagingFixtures: Decodable {
    struct File: Decodable, Sendable, CustomTestStringConvertible {
        let file: String
        let width: Int
        let height: Int
        let sha256: String
        let offset: Int?

        var testDescription: String { file }
    }

    struct Resize: Decodable, Sendable, CustomTestStringConvertible {
        let width: Int
        let height: Int
        let newWidth: Int
        let newHeight: Int
        let filter: String
        let sha256: String

        var testDescription: String { "\(width)×\(height) to \(newWidth)×\(newHeight), \(filter)" }
    }

    struct Patches: Decodable, Sendable {
        let width: Int
        let height: Int
        let patchSize: Int
        let minimumPixels: Int
        let maximumPixels: Int
        let mean: [Double]
        let standardDeviation: [Double]
        let gridHeight: Int
        let gridWidth: Int
        let patchLength: Int
        let firstValues: [Float]
        let sha256: String
    }

    struct Autoencoder: Decodable, Sendable {
        let width: Int
        let height: Int
        let floats: String
        let image: String
    }

    let files: [File]
    let resize: [Resize]
    /// Rows of height, width, factor, least pixels, most pixels, new height, new width.
    let smart: [[Int]]
    let patches: [Patches]
    let autoencoder: Autoencoder

    static let folder = Bundle.module.url(forResource: "Fixtures", withExtension: nil)

    static let loaded = Result {
        try JSONDecoder().decode(ImagingFixtures.self, from: Data(bytes(of: "manifest.json")))
    }

    static func load() throws -> ImagingFixtures {
        try loaded.get()
    }

    /// The manifest's files in a folder, for `arguments:`.
    static func files(in folder: String) -> [File] {
        ((try? loaded.get())?.files ?? []).filter { $0.file.hasPrefix(folder + "/") }
    }

    /// The manifest's resize cases, for `arguments:`.
    static let resizes = (try? loaded.get())?.resize ?? []

    static func path(of file: String) throws -> String {
        try #require(folder).appending(path: file).path(percentEncoded: false)
    }

    static func bytes(of file: String) throws -> [UInt8] {
        try Array(Data(contentsOf: URL(filePath: path(of: file))))
    }

    /// Pillow's samples of a small file, `[height, width, 3]`.
    static func expectedPixels(of file: File) throws -> [UInt8]? {
        guard let offset = file.offset else { return nil }
        let all = try bytes(of: "expected.bin")
        return Array(all[offset..<offset + file.width * file.height * 3])
    }

    /// A picture that a formula gives, so that it needs no file: `(7x + 13y + 29c + ⌊xy/16⌋) mod 256`.
    static func synthetic(width: Int, height: Int) -> PixelImage {
        var pixels: [UInt8] = []
        for y in 0..<height {
            for x in 0..<width {
                for channel in 0..<3 {
                    pixels.append(UInt8((7 * x + 13 * y + 29 * channel + x * y / 16) % 256))
                }
            }
        }
        return PixelImage(width: width, height: height, pixels: pixels)
    }

    static func digest(of floats: [Float]) -> String {
        ContentHash(
            floats.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> ($0 * 8)) }
            }
        )
        .hexadecimal
    }
}

extension PixelImage {
    /// SHA-256 of the samples.
    var digest: String { ContentHash(pixels).hexadecimal }

    /// Largest difference of any sample; 256 for another size.
    func largestDifference(to other: PixelImage) -> Int {
        guard width == other.width, height == other.height else { return 256 }
        return zip(pixels, other.pixels).map { abs(Int($0) - Int($1)) }.max() ?? 0
    }
}

/// A small generator with a fixed course (SplitMix64).
struct FixedGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
