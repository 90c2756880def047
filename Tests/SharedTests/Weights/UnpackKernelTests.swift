import Foundation
import TestSupport
import Testing

@testable import Shared

@Suite("Unpacking kernels")
struct UnpackKernelTests {
    /// Random bytes in a file of their own.
    static func file(_ count: Int, _ name: String, in folder: TemporaryFolder) throws -> MappedFile {
        var generator = SeedTree(seed: 3)[name].generator
        let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let path = folder.file(name)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return try MappedFile(path: path)
    }

    /// Bit patterns; all NaN count as one, since their payload means nothing.
    static func patterns(_ matrix: WeightMatrix, _ rows: Range<Int>, _ level: InstructionLevel) -> [UInt32] {
        matrix.patterns(rows: rows, level: level).map { Float(bitPattern: $0).isNaN ? 0x7FC0_0000 : $0 }
    }

    @Test(
        "all instruction sets give the portable code's bits on random bytes, at odd lengths and addresses",
        arguments: WeightFormat.ofGGUF
    )
    func levels(format: WeightFormat) throws {
        let folder = try TemporaryFolder()
        for blocks in [1, 2, 3, 7, 17, 33] {
            let bytes = blocks * format.blockByteCount
            let mapping = try Self.file(1 + 5 * bytes, "\(format.rawValue)-\(blocks)", in: folder)
            let matrix = try WeightMatrix(
                mapping,
                range: 1..<(1 + 5 * bytes),
                format: format,
                rowCount: 5,
                columnCount: blocks * format.blockLength
            )
            let reference = Self.patterns(matrix, 0..<5, .portable)
            for level in InstructionLevel.available {
                #expect(Self.patterns(matrix, 0..<5, level) == reference, "\(blocks) blocks, \(level)")
                let part = Array(reference[(2 * matrix.columnCount)..<(4 * matrix.columnCount)])
                #expect(Self.patterns(matrix, 2..<4, level) == part, "\(blocks) blocks, \(level)")
            }
        }
    }

    @Test("every half and every bfloat16 converts as Swift's own types do, with all instruction sets")
    func sixteenBits() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("patterns")
        try Data((0...UInt16.max).flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] })
            .write(to: URL(fileURLWithPath: path))
        let mapping = try MappedFile(path: path)
        let kinds: [(WeightFormat, (UInt16) -> Float)] = [
            (.float16, { Float(Float16(bitPattern: $0)) }), (.bfloat16, BFloat16.value),
        ]
        for (format, value) in kinds {
            let matrix = try WeightMatrix(
                mapping,
                range: 0..<131_072,
                format: format,
                rowCount: 1,
                columnCount: 65_536
            )
            let expected = (0...UInt16.max).map { value($0).isNaN ? 0x7FC0_0000 : value($0).bitPattern }
            for level in InstructionLevel.available {
                #expect(Self.patterns(matrix, 0..<1, level) == expected, "\(format), \(level)")
            }
        }
    }

    @Test(
        "packed words unpack to the formula at odd sizes, in order of their groups and out of it",
        arguments: [PackedRows.Layout.awq, .gptq],
        [ScaleType.float32, .float16, .bfloat16]
    )
    func packed(layout: PackedRows.Layout, scaleType: ScaleType) throws {
        let folder = try TemporaryFolder()
        for (outputs, inputs, groupSize, isShuffled) in [
            (8, 8, 8, false), (136, 48, 32, false), (264, 40, 24, false), (136, 64, 16, true),
            (16, 200, 200, false),
        ] {
            let groupCount = (inputs + groupSize - 1) / groupSize
            var generator = SeedTree(seed: 4)["groups", inputs].generator
            let inOrder = (0..<inputs).map { Int32($0 / groupSize) }
            func bytes(_ count: Int, _ name: String) throws -> MappedBytes {
                let mapping = try Self.file(count + 1, "\(name)-\(outputs)-\(inputs)", in: folder)
                return MappedBytes(mapping: mapping, range: 1..<(count + 1))
            }
            let rows = PackedRows(
                layout: layout,
                outputs: outputs,
                inputs: inputs,
                zeros: try bytes(groupCount * outputs / 2, "zeros"),
                words: try bytes(outputs * inputs / 2, "words"),
                scales: try bytes(groupCount * outputs * scaleType.byteCount, "scales"),
                scaleType: scaleType,
                groups: isShuffled ? inOrder.shuffled(using: &generator) : inOrder,
                zeroOffset: layout == .awq ? 0 : 1
            )
            let expected = Self.formula(rows)
            let matrix = WeightMatrix(rows)
            for level in InstructionLevel.available {
                for range in [0..<outputs, 3..<outputs - 2, outputs / 2..<outputs / 2 + 1] {
                    let part = Array(expected[(range.lowerBound * inputs)..<(range.upperBound * inputs)])
                    #expect(
                        Self.patterns(matrix, range, level) == part,
                        "\(outputs) × \(inputs), \(range), \(level)"
                    )
                }
            }
        }
    }

    /// (q - zero) · scale, rounded by Swift's own types.
    private static func formula(_ rows: PackedRows) -> [UInt32] {
        let (words, zeros) = (
            rows.words.withUnsafeBytes { [UInt8]($0) }, rows.zeros.withUnsafeBytes { [UInt8]($0) }
        )
        let scales = rows.scales.withUnsafeBytes { [UInt8]($0) }
        // The nibble of each of a word's eight outputs.
        let awq = [0, 4, 1, 5, 2, 6, 3, 7]
        func nibble(_ bytes: [UInt8], _ word: Int, _ index: Int) -> Int {
            Int(bytes[4 * word + index / 2] >> (index % 2 == 0 ? 0 : 4)) & 15
        }
        func scale(_ index: Int) -> Float {
            let size = rows.scaleType.byteCount
            let pattern = (0..<size).reduce(UInt32(0)) { $0 | UInt32(scales[size * index + $1]) << (8 * $1) }
            return switch rows.scaleType {
            case .float32: Float(bitPattern: pattern)
            case .float16: Float(Float16(bitPattern: UInt16(pattern)))
            case .bfloat16: BFloat16.value(UInt16(pattern))
            }
        }
        var result: [UInt32] = []
        for output in 0..<rows.outputs {
            for input in 0..<rows.inputs {
                let group = Int(rows.groups[input])
                let q: Int
                let z: Int
                let zeroWord = group * (rows.outputs / 8) + output / 8
                switch rows.layout {
                case .awq:
                    q = nibble(words, input * (rows.outputs / 8) + output / 8, awq[output % 8])
                    z = nibble(zeros, zeroWord, awq[output % 8])
                case .gptq:
                    q = nibble(words, input / 8 * rows.outputs + output, input % 8)
                    z = nibble(zeros, zeroWord, output % 8)
                }
                let exact = Float(q - (z + rows.zeroOffset) % 16) * scale(group * rows.outputs + output)
                let rounded =
                    switch rows.scaleType {
                    case .float32: exact
                    case .float16: Float(Float16(exact))
                    case .bfloat16: BFloat16.value(BFloat16.bits(exact))
                    }
                result.append(rounded.isNaN ? 0x7FC0_0000 : rounded.bitPattern)
            }
        }
        return result
    }
}
