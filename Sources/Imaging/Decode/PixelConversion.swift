/// Converts pixel by pixel to RGB.
///
/// - Parameters:
///   - samples: `[pixels, bytesPerPixel]`.
///   - bytesPerPixel: Bytes of one pixel.
///   - color: Red, green and blue of the pixel that starts at the pointer it is given.
/// - Returns: `[pixels, 3]`.
@inline(__always)
func converted(
    _ samples: [UInt8],
    bytesPerPixel: Int,
    color: (UnsafePointer<UInt8>) -> (UInt8, UInt8, UInt8)
) -> [UInt8] {
    let pixelCount = samples.count / bytesPerPixel
    return unsafe [UInt8](unsafeUninitializedCapacity: pixelCount * 3) { output, initializedCount in
        unsafe samples.withUnsafeBufferPointer { input in
            guard var source = input.baseAddress, var target = output.baseAddress else { return }
            for _ in 0..<pixelCount {
                let (red, green, blue) = unsafe color(source)
                unsafe target[0] = red
                unsafe target[1] = green
                unsafe target[2] = blue
                unsafe source += bytesPerPixel
                unsafe target += 3
            }
        }
        initializedCount = pixelCount * 3
    }
}
