// swift-tools-version: 6.2
// SPDX-License-Identifier: GPL-3.0-or-later
import PackageDescription

/// The settings of every Swift target: what the compiler can prove, it proves.
let house: [SwiftSetting] =
  [
    .strictMemorySafety(),  // SE-0458
    .enableUpcomingFeature("ExistentialAny"),  // SE-0335
    .enableUpcomingFeature("InternalImportsByDefault"),  // SE-0409
    .enableUpcomingFeature("MemberImportVisibility"),  // SE-0444
    .enableUpcomingFeature("InferIsolatedConformances"),  // SE-0470
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),  // SE-0461
    .enableUpcomingFeature("ImmutableWeakCaptures"),  // SE-0481
  ] + (Context.environment["KEYFOLD_LENIENT"] == nil ? [.treatAllWarnings(as: .error)] : [])

/// A module below one of the three source folders, named like its folder.
func module(_ side: String, _ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = [])
  -> Target
{
  .target(
    name: name, dependencies: dependencies, path: "Sources/\(side)/\(name)", exclude: exclude,
    swiftSettings: house)
}

/// A C module of shims over one system library; `links` are its libraries.
func shims(_ side: String, _ name: String, links: [String], cSettings: [CSetting] = [], exported: [String] = [])
  -> Target
{
  .target(
    name: name, path: "Sources/\(side)/\(name)", cSettings: cSettings,
    linkerSettings: links.map { .linkedLibrary($0) }
      + exported.map { .unsafeFlags(["-Xlinker", "--export-dynamic-symbol=\($0)"]) })
}

/// An executable: reads its configuration, builds services, runs them.
func program(_ side: String, _ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(
    name: name, dependencies: dependencies, path: "Sources/\(side)/\(name)", swiftSettings: house)
}

/// The tests of one subject, in the folder of their name.
func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
  .testTarget(
    name: name, dependencies: dependencies, path: "Tests/\(name)", exclude: exclude,
    swiftSettings: house)
}

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let lifecycleSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTP = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioTLS = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioTLSEvents = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let httpClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let sqlite = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")

let package = Package(
  name: "keyfold",
  products: [
    .executable(name: "keyfold", targets: ["keyfold"]),
    .executable(name: "keyfold-agent", targets: ["keyfold-agent"]),
    .executable(name: "keyfold-coordinator", targets: ["keyfold-coordinator"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
    .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
    .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
  ],
  targets: [
    // Shared: what both sides agree on.
    shims("Shared", "CCrypto", links: ["crypto"]),
    shims("Shared", "CZeroMQ", links: ["zmq"]),
    shims("Shared", "CMessages", links: ["protobuf-c"]),
    .target(
      name: "FailurePoints", path: "Sources/Shared/FailurePoints",
      // A debug build is a build for tests; no other has a failure point.
      swiftSettings: house + [.define("KEYFOLD_FAILPOINTS", .when(configuration: .debug))]),
    module("Shared", "Secrets", ["CCrypto"]),
    module("Shared", "Sealing", ["CCrypto", "Secrets"]),
    module("Shared", "ClusterModel", ["Sealing"]),
    module("Shared", "Messages", ["CMessages", "ClusterModel", "Secrets"], exclude: ["keyfold.proto"]),
    module("Shared", "Metrics", [logging, nioCore, nioPosix, nioHTTP]),
    module("Shared", "Transport", ["CZeroMQ", "ClusterModel", "Messages", "Metrics", "Secrets", logging]),
    module("Shared", "DaemonRuntime", ["ClusterModel", "Secrets", lifecycle, lifecycleSignals, logging]),
    module(
      "Shared", "KeyManagement",
      ["CCrypto", "ClusterModel", "Metrics", "Secrets", httpClient, nioCore, nioPosix, nioHTTP, nioTLS]),

    // Agent: KMS -> master key -> database keys -> WiredTiger.
    module("Agent", "KeyHierarchy", ["ClusterModel", "FailurePoints", "Sealing", "Secrets"]),
    shims(
      "Agent", "CWiredTiger", links: ["wiredtiger"], exported: ["keyfold_encryptor_entry"]),
    shims("Agent", "CBSON", links: ["bson-1.0"], cSettings: [.unsafeFlags(["-I/usr/include/libbson-1.0"])]),
    module("Agent", "Documents", ["CBSON"]),
    module("Agent", "EncryptedStore", ["CWiredTiger", "FailurePoints", "Sealing", "Secrets"]),
    module("Agent", "ReplicationCore", ["ClusterModel"]),
    module(
      "Agent", "Replication",
      [
        "ClusterModel", "EncryptedStore", "FailurePoints", "KeyHierarchy", "Messages", "Metrics", "ReplicationCore",
        "Sealing",
        "Transport", logging,
      ]),
    module(
      "Agent", "DocumentServer",
      ["ClusterModel", "Documents", "Metrics", "Sealing", "Secrets", logging, nioCore, nioPosix, nioTLS]),
    module("Agent", "AgentCore", ["ClusterModel"]),
    module(
      "Agent", "AgentRuntime",
      [
        "AgentCore", "ClusterModel", "DaemonRuntime", "DocumentServer", "EncryptedStore", "FailurePoints",
        "KeyHierarchy", "KeyManagement", "Messages", "Metrics", "Replication", "ReplicationCore", "Sealing", "Secrets",
        "Transport",
        lifecycle, logging,
      ]),
    program(
      "Agent", "keyfold-agent",
      ["AgentRuntime", "DaemonRuntime", "Secrets", "Transport", arguments, lifecycle, lifecycleSignals, logging]),

    // Coordinator: plan -> step -> command -> agent -> reply.
    module("Coordinator", "CoordinatorCore", ["ClusterModel"]),
    module("Coordinator", "AuditTrail", ["ClusterModel", "Sealing"]),
    module(
      "Coordinator", "StateStore", ["AuditTrail", "ClusterModel", "CoordinatorCore", "FailurePoints", sqlite]),
    shims("Coordinator", "CMail", links: ["curl"]),
    module("Coordinator", "Mail", ["CMail", "ClusterModel", "Secrets"]),
    module(
      "Coordinator", "CoordinatorRuntime",
      [
        "ClusterModel", "CoordinatorCore", "DaemonRuntime", "FailurePoints", "KeyManagement", "Mail", "Messages",
        "Metrics", "Sealing",
        "Secrets", "StateStore", "Transport", lifecycle, logging,
      ]),
    shims("Coordinator", "CCertificates", links: ["crypto"]),
    module(
      "Coordinator", "LocalKMS",
      [
        "CCertificates", "ClusterModel", "FailurePoints", "KeyManagement", "Metrics", "Sealing", "Secrets", lifecycle,
        logging, nioCore, nioHTTP, nioPosix, nioTLS,
      ]),
    program(
      "Coordinator", "keyfold-coordinator",
      ["CoordinatorRuntime", "DaemonRuntime", "Secrets", arguments, lifecycle, lifecycleSignals, logging]),
    program(
      "Coordinator", "keyfold",
      [
        "AuditTrail", "ClusterModel", "DaemonRuntime", "KeyManagement", "LocalKMS", "Messages", "Metrics", "Sealing",
        "Secrets", "StateStore", "Transport", arguments, lifecycle, lifecycleSignals, logging,
      ]),

    // Tests: one folder per module, then the ones that span modules.
    tests("SecretsTests", ["CCrypto", "Secrets"]),
    .target(name: "AllocationCounter", path: "Tests/AllocationCounter"),
    tests("SealingTests", ["AllocationCounter", "CCrypto", "Sealing", "Secrets"]),
    tests("KeyHierarchyTests", ["ClusterModel", "KeyHierarchy", "Sealing", "Secrets"]),
    tests("EncryptedStoreTests", ["AllocationCounter", "EncryptedStore", "Sealing", "Secrets"]),
    tests("ClusterModelTests", ["ClusterModel"]),
    tests("MessagesTests", ["ClusterModel", "Messages", "Secrets"]),
    tests("TransportTests", ["CZeroMQ", "ClusterModel", "Messages", "Secrets", "Transport", logging]),
    tests("DaemonRuntimeTests", ["ClusterModel", "DaemonRuntime", "Secrets", logging]),
    tests(
      "MetricsTests",
      [
        "AgentRuntime", "CoordinatorRuntime", "DaemonRuntime", "DocumentServer", "KeyManagement", "LocalKMS", "Metrics",
        "Replication", "Transport", logging, nioCore, nioPosix,
      ]),
    tests("KeyManagementTests", ["CCrypto", "ClusterModel", "KeyManagement", "Secrets", nioCore, nioPosix]),
    tests("DocumentsTests", ["Documents"]),
    // The parts of the simulations: whole clusters of the production cores on a virtual clock.
    .target(
      name: "Simulator",
      dependencies: ["AgentCore", "ClusterModel", "CoordinatorCore", "KeyHierarchy", "ReplicationCore", "Sealing"],
      path: "Tests/Simulator", swiftSettings: house),
    .executableTarget(
      name: "keyfold-simulate", dependencies: ["Simulator"], path: "Tests/Simulate", swiftSettings: house),
    tests("ReplicationCoreTests", ["ClusterModel", "ReplicationCore", "Simulator"]),
    tests(
      "ReplicationTests",
      [
        "ClusterModel", "EncryptedStore", "KeyHierarchy", "Replication", "ReplicationCore", "Secrets", "Transport",
        logging,
      ]),
    tests(
      "DocumentServerTests",
      [
        "ClusterModel", "DocumentServer", "Documents", "Sealing", "Secrets", logging, nioCore, nioEmbedded, nioPosix,
        nioTLS,
      ]),
    tests("AgentCoreTests", ["AgentCore", "ClusterModel"]),
    tests(
      "AgentRuntimeTests",
      [
        "AgentRuntime", "ClusterModel", "DocumentServer", "KeyHierarchy", "KeyManagement", "Messages", "Replication",
        "Secrets", "Transport",
        logging,
      ]),
    // A mail server for tests.
    .target(
      name: "MailSink", dependencies: [nioCore, nioPosix, nioTLS, nioTLSEvents], path: "Tests/MailSink",
      swiftSettings: house),
    tests("MailTests", ["ClusterModel", "Mail", "MailSink", "Secrets"]),
    // Many agents on real sockets in one process.
    .target(
      name: "FleetPeers", dependencies: ["AgentCore", "CZeroMQ", "ClusterModel", "Messages"],
      path: "Tests/FleetPeers", swiftSettings: house),
    tests("CoordinatorCoreTests", ["ClusterModel", "CoordinatorCore"]),
    tests("AuditTrailTests", ["AuditTrail", "ClusterModel"]),
    tests("StateStoreTests", ["AuditTrail", "ClusterModel", "CoordinatorCore", "StateStore", sqlite]),
    tests(
      "CoordinatorRuntimeTests",
      [
        "ClusterModel", "CoordinatorCore", "CoordinatorRuntime", "DaemonRuntime", "FleetPeers", "KeyManagement",
        "MailSink", "Messages", "Secrets", "StateStore", "Transport",
        logging,
      ]),
    tests(
      "LocalKMSTests",
      [
        "ClusterModel", "DaemonRuntime", "KeyManagement", "LocalKMS", "Secrets", logging, nioCore, nioHTTP, nioPosix,
        nioTLS,
      ]),
    tests(
      "KeyfoldTests",
      [
        "AuditTrail", "ClusterModel", "DaemonRuntime", "LocalKMS", "Secrets", "Transport", "keyfold", arguments,
        logging,
      ]),
    tests("Simulation", ["Simulator"]),
    tests(
      "Interop", ["ClusterModel", "KeyManagement", "LocalKMS", "Metrics", "Secrets", logging],
      exclude: [
        "aws_server.py", "driver_failover.py", "driver_specs.py", "driver_specs_unsupported.txt", "kms_awscli.sh",
        "kms_azure.py", "kms_boto3.py", "kms_google.py", "kms_message.py", "ministack_server.py", "moto_server.py",
        "prometheus_parse.py", "venv.sh",
      ]),
    tests(
      "ClusterTests",
      [
        "ClusterModel", "Documents", "KeyHierarchy", "KeyManagement", "LocalKMS", "MailSink", "Secrets", nioCore,
        nioPosix,
      ], exclude: ["Chaos/chaos_workload.py", "Chaos/disk_faults.c", "users.py"]),
    tests("Tidy", []),
    .executableTarget(
      name: "keyfold-bench",
      dependencies: [
        "CCrypto", "CZeroMQ", "ClusterModel", "DaemonRuntime", "EncryptedStore", "FleetPeers", "KeyHierarchy",
        "Messages",
        "Replication", "ReplicationCore", "Sealing", "Secrets", "Transport", arguments, logging,
      ],
      path: "Tests/Bench", swiftSettings: house),
  ]
)
