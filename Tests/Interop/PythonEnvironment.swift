// SPDX-License-Identifier: GPL-3.0-or-later

import Foundation

/// A process that did not do what it was started for.
struct ProcessFailure: Error, CustomStringConvertible {
  let description: String
}

/// Runs programs of other people beside our own.
enum Interop {
  /// This folder, with the scripts.
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path

  /// Runs something that blocks on a thread of its own: the concurrency pool has as few threads as the machine cores.
  static func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
  }

  /// Runs a program to its end; answers its status and what it wrote.
  static func run(_ program: String, _ arguments: [String]) async throws -> (status: Int32, output: String) {
    try await blocking { try runBlocking(program, arguments) }
  }

  private static func runBlocking(_ program: String, _ arguments: [String]) throws -> (status: Int32, output: String) {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = pipe
    process.standardError = FileHandle.standardError
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }

  /// A virtual environment with these packages; nil if it cannot be had here, which the script explains.
  static func environment(_ name: String, _ packages: String...) async throws -> String? {
    let result = try await run("\(folder)/venv.sh", [name] + packages)
    guard result.status == 0 else { return nil }
    return result.output.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// The packages of AWS's own clients.
  static func awsClients() async throws -> String? { try await environment("boto3", "boto3==1.44.5", "awscli==1.46.3") }

  /// The packages of Azure's own clients.
  static func azureClients() async throws -> String? {
    try await environment("azure", "azure-keyvault-keys==4.11.3", "azure-identity==1.27.0")
  }

  /// The packages of Google's own client.
  static func googleClients() async throws -> String? {
    try await environment("google", "google-cloud-kms==3.18.0", "google-crc32c==1.9.0", "requests==2.34.2")
  }

  /// The packages of the third-party server.
  static func ministack() async throws -> String? {
    try await environment("ministack", "ministack==1.5.33", "cryptography==46.0.3", "boto3==1.43.106")
  }

  /// The packages of a third-party server that checks signatures with AWS's own code.
  static func moto() async throws -> String? {
    try await environment("moto", "moto[iam,kms,server,sts]==5.2.1", "cryptography==46.0.3", "boto3==1.44.5")
  }
}
