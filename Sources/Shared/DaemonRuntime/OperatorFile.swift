// SPDX-License-Identifier: GPL-3.0-or-later
internal import Foundation
public import Secrets

/// What an operator's command line needs to reach the coordinator: `operator.json`, made at its first start.
///
/// The secret key never passes through a JSON parser: it is cut out of the file's bytes before the rest is parsed.
public struct OperatorFile: Sendable {
  /// The file's name in the coordinator's data directory.
  public static let name = "operator.json"

  /// The coordinator's address, `host:port`.
  public var coordinator: String
  /// The coordinator's CURVE public key in Z85.
  public var coordinatorKey: String
  /// The operator's name.
  public var operatorName: String
  /// The operator's CURVE public key in Z85.
  public var publicKey: String
  /// The operator's CURVE secret key in Z85, without a line end.
  public let secretKey: Secret

  /// Makes a file of its parts.
  public init(
    coordinator: String, coordinatorKey: String, operatorName: String, publicKey: String, secretKey: Secret
  ) {
    self.coordinator = coordinator
    self.coordinatorKey = coordinatorKey
    self.operatorName = operatorName
    self.publicKey = publicKey
    self.secretKey = secretKey
  }

  private struct Open: Codable {
    var coordinator: String
    var coordinatorKey: String
    var `operator`: String
    var publicKey: String
  }

  private static let secretKeyName = "\"secretKey\""

  /// Reads the file at `path`; refuses one that others than its owner may read.
  public static func read(_ path: String) throws(ConfigurationError) -> OperatorFile {
    var bytes = try contents(of: path)
    defer { SecretBytes.wipe(&bytes) }
    guard let range = secretRange(in: bytes) else { throw damaged(path) }
    var cut = Array(bytes[range])
    defer { SecretBytes.wipe(&cut) }
    for index in range { bytes[index] = UInt8(ascii: "x") }
    guard let open = try? JSONDecoder().decode(Open.self, from: Data(bytes)) else { throw damaged(path) }
    let secret: Secret
    do { secret = Secret(try SecretBytes(copying: cut)) } catch {
      throw ConfigurationError(.unreadable, "\(path): \(error)")
    }
    return OperatorFile(
      coordinator: open.coordinator, coordinatorKey: open.coordinatorKey, operatorName: open.operator,
      publicKey: open.publicKey, secretKey: secret)
  }

  /// Replaces the file at `path`, readable by its owner only.
  public func write(_ path: String) throws(ConfigurationError) {
    let open = Open(
      coordinator: coordinator, coordinatorKey: coordinatorKey, operator: operatorName, publicKey: publicKey)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let json = try? encoder.encode(open) else {
      throw ConfigurationError(.unreadable, "\(path) cannot be written: its parts have no JSON")
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(json.count + secretKey.count + 64)
    bytes += json.dropLast()
    bytes += Array(",\(Self.secretKeyName):\"".utf8)
    secretKey.withBytes { span in unsafe span.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) } }
    bytes += Array("\"}\n".utf8)
    defer { SecretBytes.wipe(&bytes) }
    do { try DurableFile.replace(path, with: bytes) } catch {
      throw ConfigurationError(.unreadable, "\(path) cannot be written: \(error)")
    }
  }

  private static func contents(of path: String) throws(ConfigurationError) -> [UInt8] {
    do {
      let secret = try SecretFile.read(path, limit: SecretFile.maximumBytes, trimmingNewline: true)
      return secret.unprotectedCopy()
    } catch {
      throw ConfigurationError(.unreadable, error.description)
    }
  }

  private static func damaged(_ path: String) -> ConfigurationError {
    ConfigurationError(
      .notJSON, "\(path) is no operator file; take the \(name) that the coordinator wrote into its data directory")
  }

  /// Where the value of the secret key lies, without its quotes.
  private static func secretRange(in bytes: [UInt8]) -> Range<Int>? {
    let key = Array(secretKeyName.utf8)
    guard bytes.count > key.count,
      let start = (0...bytes.count - key.count).first(where: { bytes[$0..<$0 + key.count].elementsEqual(key) })
    else { return nil }
    guard let colon = bytes[(start + key.count)...].firstIndex(where: { !isSpace($0) }),
      bytes[colon] == UInt8(ascii: ":"),
      let quote = bytes[(colon + 1)...].firstIndex(where: { !isSpace($0) }), bytes[quote] == UInt8(ascii: "\""),
      let end = bytes[(quote + 1)...].firstIndex(of: UInt8(ascii: "\""))
    else { return nil }
    return quote + 1..<end
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }
}
