import Foundation
import Shared

/// The identity of a model folder, cheap enough for a checkpoint of many gigabytes.
///
/// It is the SHA-256 over config.json, the preprocessing file, and for every safetensors file in the order of
/// their names (of GGUF files: over both files): its length, its whole header and 64 samples of 4 KiB spread evenly
/// over its data. Files of up
/// to 256 KiB are taken whole. Two checkpoints of one architecture differ in it unless all samples happen to
/// be equal.
enum ModelFingerprint {
    private static let sampleCount = 64
    private static let sampleLength = 4096

    /// The identity of a model in some arithmetic; float32 scores go by the identity of the model alone.
    ///
    /// - Parameters:
    ///   - model: The model's files.
    ///   - precision: The arithmetic.
    /// - Returns: The identity of its scores.
    static func make(of model: ContentHash, in precision: ModelPrecision) -> ContentHash {
        precision.mark.map { ContentHash("\(model.hexadecimal) \($0)") } ?? model
    }

    static func make(folder: String) throws -> ContentHash {
        var lines: [String] = []
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        for name in names {
            let path = folder + "/" + name
            if ["config.json", "preprocessor_config.json", "processor_config.json"].contains(name) {
                lines.append("\(name) \(ContentHash(try MappedFile(path: path)).hexadecimal)")
            } else if name.hasSuffix(".safetensors") {
                let file = try MappedFile(path: path)
                lines.append("\(name) \(file.count) \(digest(of: file).hexadecimal)")
            }
        }
        return ContentHash(lines.joined(separator: "\n"))
    }

    private static func digest(of file: MappedFile) -> ContentHash {
        let headerLength = unsafe file.withUnsafeBytes(0..<min(8, file.count)) { bytes in
            guard bytes.count == 8 else { return 0 }
            return Int(
                truncatingIfNeeded: unsafe bytes.loadUnaligned(as: UInt64.self).littleEndian & 0x7FFF_FFFF
            )
        }
        return digest(of: file, header: 0..<min(file.count, 8 + headerLength))
    }

    /// The digest of a file's header and samples of the rest, or of the whole file when it is small.
    ///
    /// - Parameters:
    ///   - file: A file of weights.
    ///   - header: Its bytes before the weights.
    /// - Returns: The digest.
    static func digest(of file: MappedFile, header: Range<Int>) -> ContentHash {
        let sampled = sampleCount * sampleLength
        guard file.count > sampled else { return ContentHash(file) }
        let rest = file.count - sampleLength
        let samples = (0..<sampleCount).map { index in
            let start = rest / (sampleCount - 1) * index
            return start..<start + sampleLength
        }
        let parts = ([header] + samples).map { range in
            unsafe file.withUnsafeBytes(range) { unsafe ContentHash(Array($0)).hexadecimal }
        }
        return ContentHash(parts.joined(separator: " "))
    }
}
