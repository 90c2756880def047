/// A batch of images with any number of channels, each inside a border of one zero pixel.
///
/// The border is what a 3×3 convolution reads beyond the edge, so that no convolution has to copy its input.
package struct FeatureMap: Sendable {
    /// How many images.
    package let batch: Int
    /// Rows of an image, border left out.
    package let height: Int
    /// Columns of an image, border left out.
    package let width: Int
    /// Numbers of a pixel.
    package let channels: Int
    /// The numbers, `[batch, height + 2, width + 2, channels]`; every border pixel is zero.
    package internal(set) var values: Tensor

    /// Numbers of one image, border included.
    var imageCount: Int { (height + 2) * (width + 2) * channels }

    /// Makes a map of zeros.
    ///
    /// - Parameters:
    ///   - batch: How many images.
    ///   - height: Rows of an image.
    ///   - width: Columns of an image.
    ///   - channels: Numbers of a pixel.
    package init(zeros batch: Int, height: Int, width: Int, channels: Int) {
        self.batch = batch
        self.height = height
        self.width = width
        self.channels = channels
        values = Tensor(zeros: [batch, height + 2, width + 2, channels])
    }

    /// Makes a map of pixels without a border.
    ///
    /// - Parameter pixels: `[batch, height, width, channels]`.
    package init(_ pixels: Tensor) {
        precondition(pixels.shape.count == 4, "a feature map has four axes, got \(pixels.shape)")
        let shape = pixels.shape
        self.init(zeros: shape[0], height: shape[1], width: shape[2], channels: shape[3])
        let (height, width, channels, imageCount) = (height, width, channels, imageCount)
        unsafe pixels.withUnsafeBuffer { source in
            unsafe values.withUnsafeMutableBuffer { target in
                guard let from = source.baseAddress, let to = target.baseAddress else { return }
                for image in 0..<shape[0] {
                    for row in 0..<height {
                        let start = image * imageCount + ((row + 1) * (width + 2) + 1) * channels
                        let line = unsafe from + (image * height + row) * width * channels
                        unsafe (to + start).update(from: line, count: width * channels)
                    }
                }
            }
        }
    }

    /// The pixels without the border.
    ///
    /// - Returns: `[batch, height, width, channels]`.
    package func pixels() -> Tensor {
        unsafe values.withUnsafeBuffer { source in
            unsafe Tensor([batch, height, width, channels]) { target in
                guard let from = source.baseAddress, let to = target.baseAddress else { return }
                for image in 0..<batch {
                    for row in 0..<height {
                        let start = image * imageCount + ((row + 1) * (width + 2) + 1) * channels
                        let line = unsafe to + (image * height + row) * width * channels
                        unsafe line.update(from: from + start, count: width * channels)
                    }
                }
            }
        }
    }
}
