/// What a file may ask for; all of it is checked from headers, before anything is allocated.
package struct DecodeLimits: Sendable, Hashable {
    /// Largest picture, in pixels.
    package var maximumPixels: Int
    /// Longest file, in bytes.
    package var maximumBytes: Int
    /// Most metadata in one file (PNG ancillary chunks; JPEG application and comment segments; WebP chunks beside the picture), in bytes.
    package var maximumMetadataBytes: Int
    /// Most ancillary chunks or application segments in one file.
    package var maximumMetadataParts: Int
    /// Most scans of a progressive JPEG, each of which costs a pass over the picture (encoders write about
    /// ten).
    package var maximumScans: Int

    /// 50 million pixels, 16 MiB, 8 MiB of metadata in 1,024 parts, 100 scans.
    package static let standard = DecodeLimits()

    /// Sets limits; what is left out is as in ``standard``.
    ///
    /// - Parameters:
    ///   - maximumPixels: Largest picture, in pixels.
    ///   - maximumBytes: Longest file, in bytes.
    ///   - maximumMetadataBytes: Most metadata, in bytes.
    ///   - maximumMetadataParts: Most pieces of metadata.
    ///   - maximumScans: Most scans of a progressive JPEG.
    package init(
        maximumPixels: Int = 50_000_000,
        maximumBytes: Int = 16 << 20,
        maximumMetadataBytes: Int = 8 << 20,
        maximumMetadataParts: Int = 1_024,
        maximumScans: Int = 100
    ) {
        self.maximumPixels = maximumPixels
        self.maximumBytes = maximumBytes
        self.maximumMetadataBytes = maximumMetadataBytes
        self.maximumMetadataParts = maximumMetadataParts
        self.maximumScans = maximumScans
    }

    /// Refuses a file of this length if it is over the limit.
    func check(name: String, byteCount: Int) throws(DecodeError) {
        if byteCount > maximumBytes {
            throw .tooManyBytes(name: name, count: byteCount, limit: maximumBytes)
        }
    }

    /// Refuses a picture of this size if it is over the limit.
    func check(name: String, width: Int, height: Int) throws(DecodeError) {
        let (pixels, overflow) = width.multipliedReportingOverflow(by: height)
        if overflow || pixels > maximumPixels {
            throw .tooManyPixels(name: name, width: width, height: height, limit: maximumPixels)
        }
    }

    /// Refuses metadata that is over the limits.
    func check(name: String, metadataParts: Int, metadataBytes: Int) throws(DecodeError) {
        if metadataParts > maximumMetadataParts {
            throw .tooManyMetadataParts(name: name, limit: maximumMetadataParts)
        }
        if metadataBytes > maximumMetadataBytes {
            throw .tooMuchMetadata(name: name, bytes: metadataBytes, limit: maximumMetadataBytes)
        }
    }
}
