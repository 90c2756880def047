/// How a tensor's numbers are stored: every format of safetensors and GGUF checkpoints that is read here.
package enum WeightFormat: String, Sendable, CaseIterable {
    /// IEEE 754 single precision.
    case float32 = "F32"
    /// IEEE 754 half precision.
    case float16 = "F16"
    /// The upper half of a single-precision number.
    case bfloat16 = "BF16"
    /// Eight bits, four of them exponent, no infinity; a scale for the matrix, for each row or for each tile.
    case float8 = "F8_E4M3"
    /// GGUF: 32 numbers of eight bits under one scale.
    case q8_0 = "Q8_0"
    /// GGUF: 32 numbers of four bits under one scale.
    case q4_0 = "Q4_0"
    /// GGUF: 32 numbers of four bits under one scale and one minimum; files called Q4_0 mix it in.
    case q4_1 = "Q4_1"
    /// GGUF: 32 numbers of five bits under one scale; files called Q4_K keep rows in it that 256 does not divide.
    case q5_0 = "Q5_0"
    /// GGUF: 32 numbers of five bits under one scale and one minimum.
    case q5_1 = "Q5_1"
    /// GGUF: 256 numbers of two bits in groups of 16 with four-bit scales and minima.
    case q2K = "Q2_K"
    /// GGUF: 256 numbers of three bits in groups of 16 with six-bit scales.
    case q3K = "Q3_K"
    /// GGUF: 256 numbers of four bits in groups of 32 with six-bit scales and minima.
    case q4K = "Q4_K"
    /// GGUF: 256 numbers of five bits in groups of 32 with six-bit scales and minima.
    case q5K = "Q5_K"
    /// GGUF: 256 numbers of six bits in groups of 16 with eight-bit scales.
    case q6K = "Q6_K"
    /// GGUF: 32 numbers under one scale, four bits choose among sixteen unevenly spaced ones.
    case iq4NL = "IQ4_NL"
    /// GGUF: 256 numbers chosen as in IQ4_NL in groups of 32 with six-bit scales.
    case iq4XS = "IQ4_XS"
    /// Four bits, eight outputs in a word, in the order of AutoAWQ's GEMM kernels.
    case awq = "AWQ"
    /// Four bits, eight inputs in a word, as AutoGPTQ stores them.
    case gptq = "GPTQ"
    /// Whole numbers of four bits, eight inputs in a word, as compressed-tensors packs them.
    case packed4 = "INT4"
    /// Whole numbers of eight bits, four inputs in a word, as compressed-tensors packs them.
    case packed8 = "INT8"

    /// Numbers in one block, the unit in which rows are stored; AWQ, GPTQ and packed whole numbers have words.
    package var blockLength: Int {
        switch self {
        case .float32, .float16, .bfloat16, .float8: 1
        case .q8_0, .q4_0, .q4_1, .q5_0, .q5_1, .iq4NL: 32
        case .q2K, .q3K, .q4K, .q5K, .q6K, .iq4XS: 256
        case .awq, .gptq, .packed4: 8
        case .packed8: 4
        }
    }

    /// Bytes of one block; scales that lie in tensors of their own (FP8, AWQ, GPTQ, packed) do not count.
    package var blockByteCount: Int {
        switch self {
        case .float32: 4
        case .float16, .bfloat16: 2
        case .float8: 1
        case .q8_0: 34
        case .q4_0, .iq4NL: 18
        case .q4_1: 20
        case .q5_0: 22
        case .q5_1: 24
        case .q2K: 84
        case .q3K: 110
        case .q4K: 144
        case .q5K: 176
        case .q6K: 210
        case .iq4XS: 136
        case .awq, .gptq, .packed4, .packed8: 4
        }
    }

    /// Whether a number takes less than 16 bits.
    package var isCompressed: Bool {
        switch self {
        case .float32, .float16, .bfloat16: false
        default: true
        }
    }

    /// Whether a row is a run of whole blocks that needs no other tensor to be decoded.
    var isSelfContained: Bool {
        switch self {
        case .float8, .awq, .gptq, .packed4, .packed8: false
        default: true
        }
    }

    /// The formats that tensors of a GGUF file may have, for error messages.
    static let ofGGUF = allCases.filter(\.isSelfContained)

    /// The format of a plain tensor.
    init(_ type: ElementType) {
        switch type {
        case .float32: self = .float32
        case .float16: self = .float16
        case .bfloat16: self = .bfloat16
        }
    }
}
