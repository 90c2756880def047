import Imaging
import Testing

@Suite struct ResizePlanTests {
    @Test("smart sizes are those of transformers on 456 cases")
    func matchesTransformers() throws {
        let cases = try ImagingFixtures.load().smart
        #expect(cases.count == 456)
        for row in cases {
            let plan = try ResizePlan.smart(
                width: row[1],
                height: row[0],
                factor: row[2],
                minimumPixels: row[3],
                maximumPixels: row[4]
            )
            #expect([plan.height, plan.width] == [row[5], row[6]], "\(row)")
            #expect(plan == .exact(width: plan.width, height: plan.height))
        }
    }

    /// What `smart_resize` gives (huggingface/transformers 5.23.0,
    /// `src/transformers/models/qwen2_vl/image_processing_qwen2_vl.py`): height, width, then height and width for three settings.
    @Test(
        "the table of the reference holds",
        arguments: [
            [512, 512, 504, 504, 504, 504, 512, 512], [480, 640, 476, 644, 476, 644, 480, 640],
            [768, 1024, 756, 1036, 756, 1036, 768, 1024], [1024, 1024, 1036, 1036, 980, 980, 1024, 1024],
            [1080, 1920, 1092, 1932, 728, 1316, 1088, 1920], [4000, 6000, 2912, 4368, 812, 1204, 3328, 4992],
            [70, 70, 56, 56, 56, 56, 256, 256], [42, 42, 56, 56, 56, 56, 256, 256],
            [98, 126, 112, 112, 112, 112, 256, 320], [10, 100, 28, 196, 28, 196, 96, 832],
            [10, 1000, 28, 560, 28, 560, 32, 2560],
        ]
    )
    func referenceTable(row: [Int]) throws {
        let settings = [(28, 3_136, 12_845_056), (28, 3_136, 1_003_520), (32, 65_536, 16_777_216)]
        for (index, (factor, least, most)) in settings.enumerated() {
            let plan = try ResizePlan.smart(
                width: row[1],
                height: row[0],
                factor: factor,
                minimumPixels: least,
                maximumPixels: most
            )
            #expect([plan.height, plan.width] == [row[2 + 2 * index], row[3 + 2 * index]])
        }
    }

    @Test("an image thinner than 1 : 200 is refused")
    func refusesThinImage() throws {
        let limits = (factor: 28, least: 3_136, most: 1_003_520)
        #expect(throws: ResizeError.tooThin(width: 201, height: 1)) {
            try ResizePlan.smart(
                width: 201,
                height: 1,
                factor: limits.factor,
                minimumPixels: limits.least,
                maximumPixels: limits.most
            )
        }
        let plan = try ResizePlan.smart(
            width: 200,
            height: 1,
            factor: limits.factor,
            minimumPixels: limits.least,
            maximumPixels: limits.most
        )
        #expect(plan.height == 28)
    }

    @Test("a covering plan keeps the aspect ratio and fills the target")
    func covering() {
        let plan = ResizePlan.covering(width: 640, height: 480, targetWidth: 96, targetHeight: 96)
        #expect(plan.resizedWidth == 128 && plan.resizedHeight == 96)
        let image = ImagingFixtures.synthetic(width: 640, height: 480).resized(plan, filter: .lanczos)
        #expect(image.width == 96 && image.height == 96)
        for (width, height) in [(1, 7), (7, 1), (333, 200), (97, 96), (5, 5)] {
            let plan = ResizePlan.covering(width: width, height: height, targetWidth: 96, targetHeight: 64)
            #expect(plan.resizedWidth >= 96 && plan.resizedHeight >= 64)
            #expect(plan.resizedWidth == 96 || plan.resizedHeight == 64)
        }
    }
}
