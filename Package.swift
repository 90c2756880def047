// swift-tools-version: 6.2
import PackageDescription

/// Language features that every Swift target of the package shares (docs/Architecture.md, "House rules").
let testSettings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]
/// Production code also marks every unsafe expression with the word `unsafe`.
let swiftSettings = testSettings + [.strictMemorySafety()]

let package = Package(
    name: "edit-r1",
    products: [
        .executable(name: "reward-server", targets: ["RewardServer"]),
        .executable(name: "policy-trainer", targets: ["PolicyTrainer"]),
    ],
    dependencies: [
        // Command lines of both programs.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        // Log lines of both programs.
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        // The HTTP server of reward-server; only Sources/RewardServer/HTTP imports it.
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        // Graceful shutdown on SIGTERM of the HTTP server.
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        // YAML: run configurations and rubric files.
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        .target(name: "CKernels"),
        // Opens oneDNN at run time, so that the package builds and runs without it.
        .target(name: "COneDNN", linkerSettings: [.linkedLibrary("dl", .when(platforms: [.linux]))]),
        .systemLibrary(name: "CBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .target(
            name: "CImageCodecs",
            linkerSettings: [
                .linkedLibrary("png"), .linkedLibrary("jpeg"), .linkedLibrary("webp"), .linkedLibrary("z"),
            ]
        ),
        .target(name: "CDigest", linkerSettings: [.linkedLibrary("crypto")]),
        .target(name: "CCurl", linkerSettings: [.linkedLibrary("curl")]),
        .target(
            name: "Shared",
            dependencies: ["CKernels", "CBLAS", "COneDNN", "CDigest", "CCurl"],
            swiftSettings: swiftSettings
        ),
        .target(name: "Imaging", dependencies: ["CImageCodecs", "Shared"], swiftSettings: swiftSettings),
        .target(name: "MLLMRuntime", dependencies: ["Shared", "Imaging"], swiftSettings: swiftSettings),
        .executableTarget(
            name: "RewardServer",
            dependencies: [
                "Shared", "Imaging", "MLLMRuntime", "Yams",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            resources: [.copy("Resources/EmbeddedJudge")],
            swiftSettings: swiftSettings
        ),
        .executableTarget(
            name: "PolicyTrainer",
            dependencies: [
                "Shared", "Imaging", "MLLMRuntime", "Yams",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            resources: [.copy("Resources/EmbeddedPolicy"), .copy("Resources/EmbeddedQwenPolicy")],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "TestSupport",
            dependencies: ["Shared"],
            path: "Tests/TestSupport",
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "SharedTests",
            dependencies: ["Shared", "TestSupport"],
            resources: [.copy("Fixtures")],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "ImagingTests",
            dependencies: ["Imaging", "Shared", "TestSupport"],
            resources: [.copy("Fixtures")],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "MLLMRuntimeTests",
            dependencies: ["MLLMRuntime", "TestSupport"],
            resources: [.copy("Fixtures")],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "RewardServerTests",
            dependencies: [
                "RewardServer", "TestSupport",
                .product(name: "HummingbirdTesting", package: "hummingbird"),
            ],
            resources: [.copy("Fixtures")],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "PolicyTrainerTests",
            dependencies: ["PolicyTrainer", "TestSupport"],
            resources: [.copy("Fixtures")],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "EndToEndTests",
            dependencies: ["RewardServer", "PolicyTrainer", "TestSupport"],
            swiftSettings: testSettings
        ),
    ],
    swiftLanguageModes: [.v6]
)
