import CImageCodecs

extension PixelImage {
    /// The image in another size, with antialiasing, equal to Pillow 11.0–12.2 bit for bit.
    ///
    /// Rows are filtered first, then columns; a picture that is more than 100 times as high as wide and gets lower
    /// has its columns filtered first. The samples between the two are 8-bit, so the order shows in the bits; an
    /// axis that keeps its length is left alone. (Pillow 13 filters columns first for more sizes.)
    ///
    /// Source: `Image.resize` in `PIL/Image.py` of Pillow 12.2.0.
    ///
    /// - Parameters:
    ///   - width: New width in pixels, at least 1.
    ///   - height: New height in pixels, at least 1.
    ///   - filter: The kernel.
    /// - Returns: The image of the new size.
    package func resized(width: Int, height: Int, filter: ResampleFilter = .bicubic) -> PixelImage {
        precondition(
            width > 0 && height > 0,
            "cannot resize \(self.width)×\(self.height) to \(width)×\(height)"
        )
        if self.height > 100 * self.width, height < self.height {
            return filteringColumns(to: height, filter: filter).filteringRows(to: width, filter: filter)
        }
        return filteringRows(to: width, filter: filter).filteringColumns(to: height, filter: filter)
    }

    /// The image as a plan wants it.
    ///
    /// - Parameters:
    ///   - plan: Made for an image of this size.
    ///   - filter: The kernel.
    /// - Returns: The image of the plan's width and height.
    package func resized(_ plan: ResizePlan, filter: ResampleFilter = .bicubic) -> PixelImage {
        resized(width: plan.resizedWidth, height: plan.resizedHeight, filter: filter)
            .center(width: plan.width, height: plan.height)
    }

    /// The middle of the image; an odd margin leaves the larger half at the right and at the bottom.
    ///
    /// - Parameters:
    ///   - width: Width to keep, in pixels.
    ///   - height: Height to keep, in pixels.
    /// - Returns: The part cut out.
    /// - Throws: ``ResizeError/cropTooLarge(width:height:cropWidth:cropHeight:)``.
    package func centerCropped(width: Int, height: Int) throws(ResizeError) -> PixelImage {
        precondition(width > 0 && height > 0, "cannot cut \(width)×\(height) pixels")
        guard width <= self.width, height <= self.height else {
            throw .cropTooLarge(
                width: self.width,
                height: self.height,
                cropWidth: width,
                cropHeight: height
            )
        }
        return center(width: width, height: height)
    }

    private func center(width: Int, height: Int) -> PixelImage {
        if width == self.width && height == self.height {
            return self
        }
        let left = (self.width - width) / 2
        let top = (self.height - height) / 2
        var cut: [UInt8] = []
        cut.reserveCapacity(width * height * 3)
        for y in top..<top + height {
            let start = (y * self.width + left) * 3
            cut.append(contentsOf: pixels[start..<start + width * 3])
        }
        return PixelImage(width: width, height: height, pixels: cut)
    }

    private func filteringRows(to newWidth: Int, filter: ResampleFilter) -> PixelImage {
        if newWidth == width {
            return self
        }
        let table = ResampleWeights(from: width, to: newWidth, filter: filter)
        let filtered = unsafe filled(count: newWidth * height * 3) { input, output in
            unsafe ci_resample_rows(
                input,
                output,
                height,
                width,
                newWidth,
                table.first,
                table.length,
                table.weights,
                table.stride
            )
        }
        return PixelImage(width: newWidth, height: height, pixels: filtered)
    }

    private func filteringColumns(to newHeight: Int, filter: ResampleFilter) -> PixelImage {
        if newHeight == height {
            return self
        }
        let table = ResampleWeights(from: height, to: newHeight, filter: filter)
        let filtered = unsafe filled(count: width * newHeight * 3) { input, output in
            unsafe ci_resample_columns(
                input,
                output,
                width,
                newHeight,
                table.first,
                table.length,
                table.weights,
                table.stride
            )
        }
        return PixelImage(width: width, height: newHeight, pixels: filtered)
    }

    /// New samples, all of them written by `body`, which reads this image's.
    private func filled(
        count: Int,
        body: (_ input: UnsafePointer<UInt8>, _ output: UnsafeMutablePointer<UInt8>) -> Void
    ) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: count) { output, initializedCount in
            unsafe pixels.withUnsafeBufferPointer { input in
                guard let source = input.baseAddress, let target = output.baseAddress else { return }
                unsafe body(source, target)
                initializedCount = count
            }
        }
    }
}
