extension PixelImage {
    /// The upright picture of stored pixels.
    ///
    /// - Parameter orientation: How they are stored.
    /// - Returns: The picture; width and height are swapped for the four turned orientations.
    func upright(from orientation: Orientation) -> PixelImage {
        // The stored pixel of upright (0, 0), and how far a step right or down goes there, in stored pixels.
        let start: Int
        let right: Int
        let down: Int
        switch orientation {
        case .upright: return self
        case .mirrored: (start, right, down) = (width - 1, -1, width)
        case .upsideDown: (start, right, down) = (width * height - 1, -1, -width)
        case .flipped: (start, right, down) = (width * (height - 1), 1, -width)
        case .transposed: (start, right, down) = (0, width, 1)
        case .turnedRight: (start, right, down) = (width * (height - 1), -width, 1)
        case .transversed: (start, right, down) = (width * height - 1, -width, -1)
        case .turnedLeft: (start, right, down) = (width - 1, width, -1)
        }
        let isTurned = orientation.rawValue >= Orientation.transposed.rawValue
        let (newWidth, newHeight) = isTurned ? (height, width) : (width, height)
        let count = pixels.count
        let turned = unsafe [UInt8](unsafeUninitializedCapacity: count) { output, initializedCount in
            unsafe pixels.withUnsafeBufferPointer { input in
                var index = 0
                for y in 0..<newHeight {
                    var source = 3 * (start + y * down)
                    for _ in 0..<newWidth {
                        unsafe output[index] = input[source]
                        unsafe output[index + 1] = input[source + 1]
                        unsafe output[index + 2] = input[source + 2]
                        index += 3
                        source += 3 * right
                    }
                }
            }
            initializedCount = count
        }
        return PixelImage(width: newWidth, height: newHeight, pixels: turned)
    }
}
