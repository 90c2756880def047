import CKernels
import Foundation

/// How fast this CPU's widest multiply-and-add instructions run, which no matrix product can exceed.
///
/// The instructions work on registers alone: no memory, no packing, nothing but arithmetic.
package enum InstructionPeak: String, Sendable, CaseIterable {
    /// Fused multiply-add of float32.
    case float32 = "f32"
    /// Dot products of pairs of bfloat16, summed in float32.
    case bfloat16 = "bf16"
    /// Dot products of four 8-bit integers, summed in 32 bits.
    case int8

    /// Rounds between two looks at the clock; well below a millisecond.
    private static let roundsAtATime = 20_000

    /// How long the BLAS library's threads may still spin after a product, and take time from the measurement: OpenBLAS gives
    /// up after 2²⁸ cycles (THREAD_TIMEOUT), a tenth of a second.
    private static let rest = Duration.milliseconds(200)

    /// Whether the CPU has the instructions.
    package var isAvailable: Bool { operations(rounds: 1) > 0 }

    /// Runs the instructions on all compute threads.
    ///
    /// - Parameter duration: How long.
    /// - Returns: Operations a second, a multiplication and an addition being two; 0 when the CPU has no such
    ///   instructions.
    package func measure(for duration: Duration = .milliseconds(50)) -> Double {
        guard isAvailable else { return 0 }
        Thread.sleep(forTimeInterval: Self.rest / .seconds(1))
        let total = Lock(0.0)
        let start = ContinuousClock.now
        Parallel.forEach(Parallel.threadCount) { _ in
            var own = 0.0
            repeat {
                own += operations(rounds: Self.roundsAtATime)
            } while ContinuousClock.now - start < duration
            total.withLock { $0 += own }
        }
        return total.withLock { $0 } / ((ContinuousClock.now - start) / .seconds(1))
    }

    private func operations(rounds: Int) -> Double {
        var sink: Float = 0
        return switch self {
        case .float32: unsafe ck_peak_f32(rounds, &sink)
        case .bfloat16: unsafe ck_peak_bf16(rounds, &sink)
        case .int8: unsafe ck_peak_int8(rounds, &sink)
        }
    }
}
