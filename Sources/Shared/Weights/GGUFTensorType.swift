/// How ggml stores the numbers of a tensor: every type that a GGUF file may name.
///
/// All of them can lie in a file that is read; those with a ``format`` can be used.
///
/// Source: gguf 0.19.0 (ggml-org/llama.cpp), `gguf/constants.py`: `GGMLQuantizationType`, `GGML_QUANT_SIZES`.
package struct GGUFTensorType: Sendable, Equatable {
    /// The number that stands for the type in a file.
    package let identifier: UInt32
    /// The type's name, `Q4_K` for example.
    package let name: String
    /// Numbers in one block; the first dimension of a tensor is a multiple of it.
    package let blockLength: Int
    /// Bytes of one block.
    package let blockByteCount: Int

    /// The same layout as a format of the runtime; nil for a type that is not unpacked here.
    package var format: WeightFormat? {
        guard let format = WeightFormat(rawValue: name), format.blockLength == blockLength,
            format.blockByteCount == blockByteCount
        else { return nil }
        return format
    }

    private init(_ identifier: UInt32, _ name: String, _ blockLength: Int, _ blockByteCount: Int) {
        self.identifier = identifier
        self.name = name
        self.blockLength = blockLength
        self.blockByteCount = blockByteCount
    }

    /// Finds a type by its number.
    ///
    /// - Parameter identifier: The number in the file; nil comes back for one that no type has.
    init?(identifier: UInt32) {
        guard let type = Self.known[identifier] else { return nil }
        self = type
    }

    private static let known: [UInt32: GGUFTensorType] = Dictionary(
        uniqueKeysWithValues: [
            GGUFTensorType(0, "F32", 1, 4), GGUFTensorType(1, "F16", 1, 2), GGUFTensorType(30, "BF16", 1, 2),
            GGUFTensorType(28, "F64", 1, 8), GGUFTensorType(24, "I8", 1, 1), GGUFTensorType(25, "I16", 1, 2),
            GGUFTensorType(26, "I32", 1, 4), GGUFTensorType(27, "I64", 1, 8),
            GGUFTensorType(2, "Q4_0", 32, 18), GGUFTensorType(3, "Q4_1", 32, 20),
            GGUFTensorType(6, "Q5_0", 32, 22), GGUFTensorType(7, "Q5_1", 32, 24),
            GGUFTensorType(8, "Q8_0", 32, 34), GGUFTensorType(9, "Q8_1", 32, 40),
            GGUFTensorType(10, "Q2_K", 256, 84), GGUFTensorType(11, "Q3_K", 256, 110),
            GGUFTensorType(12, "Q4_K", 256, 144), GGUFTensorType(13, "Q5_K", 256, 176),
            GGUFTensorType(14, "Q6_K", 256, 210), GGUFTensorType(15, "Q8_K", 256, 292),
            GGUFTensorType(16, "IQ2_XXS", 256, 66), GGUFTensorType(17, "IQ2_XS", 256, 74),
            GGUFTensorType(18, "IQ3_XXS", 256, 98), GGUFTensorType(19, "IQ1_S", 256, 50),
            GGUFTensorType(20, "IQ4_NL", 32, 18), GGUFTensorType(21, "IQ3_S", 256, 110),
            GGUFTensorType(22, "IQ2_S", 256, 82), GGUFTensorType(23, "IQ4_XS", 256, 136),
            GGUFTensorType(29, "IQ1_M", 256, 56), GGUFTensorType(34, "TQ1_0", 256, 54),
            GGUFTensorType(35, "TQ2_0", 256, 66), GGUFTensorType(39, "MXFP4", 32, 17),
            GGUFTensorType(40, "NVFP4", 64, 36), GGUFTensorType(41, "Q1_0", 128, 18),
        ].map { ($0.identifier, $0) }
    )
}
