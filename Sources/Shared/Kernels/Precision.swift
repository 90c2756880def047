import COneDNN

/// The arithmetic of a matrix product; sums are float32, or exact integers for eight-bit factors.
package enum Precision: String, Sendable, CaseIterable {
    /// Both factors float32.
    case float32 = "f32"
    /// Both factors rounded to bfloat16.
    case bfloat16 = "bf16"
    /// Weights of eight bits with a scale for each output, activations of eight bits with a scale for each row.
    case int8

    /// Why products in this precision cannot be had here, one line; nil when they can.
    package var obstacle: String? {
        guard self != .float32 else { return nil }
        if let reason = unsafe od_unavailable() { return unsafe String(cString: reason) }
        if self == .bfloat16, od_has_bf16() == 0 {
            return "this CPU has no bf16 instructions, or ONEDNN_MAX_CPU_ISA forbids them"
        }
        guard ProductLayout.shared(self, outputs: 64, inputs: 64) != nil else {
            return "oneDNN has no \(rawValue) product for this CPU"
        }
        return nil
    }
}
