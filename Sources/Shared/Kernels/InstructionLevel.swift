import CKernels

/// Which vector instructions a kernel with several variants uses; all variants give the same bits.
enum InstructionLevel: Int32, Sendable, CaseIterable, Comparable {
    /// Plain C: the reference of the others, and the fallback.
    case portable = 0
    /// AVX2 with FMA and F16C.
    case avx2 = 1
    /// AVX-512 F, BW, DQ and VL.
    case avx512 = 2

    /// The best level that this CPU has and that the environment's `EDIT_R1_MAX_ISA` allows.
    static let best = InstructionLevel(rawValue: ck_instruction_level()) ?? .portable

    /// The levels that this CPU can run, the portable one first.
    static var available: [InstructionLevel] { allCases.filter { $0 <= best } }

    static func < (left: InstructionLevel, right: InstructionLevel) -> Bool {
        left.rawValue < right.rawValue
    }
}
