import CKernels

extension Tensor {
    /// Whether the tensor holds neither a NaN nor an infinity.
    package var isFinite: Bool {
        unsafe withUnsafeBuffer { buffer in
            guard let base = buffer.baseAddress else { return true }
            return unsafe ck_all_finite_f32(base, buffer.count) != 0
        }
    }
}
