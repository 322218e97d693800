// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import Foundation

/// A daemon's settings, readable from a JSON file with comments in no form and no unknown keys.
public protocol DaemonConfiguration: Decodable, Sendable {
  /// Every key there is, nested ones with dots: `kms.checkSeconds`.
  static var keys: [String] { get }
}

/// Reads a daemon's configuration file; refuses what it does not know instead of ignoring it.
public enum ConfigurationFile {
  /// The largest file, in bytes.
  public static let maximumBytes = 1 << 20

  /// Reads and checks the file at `path`; an unknown key is refused with the nearest known one.
  public static func load<Settings: DaemonConfiguration>(_ type: Settings.Type, path: String)
    throws(ConfigurationError) -> Settings
  {
    let url = URL(fileURLWithPath: path)
    let data: Data
    do { data = try Data(contentsOf: url) } catch {
      throw ConfigurationError(
        .unreadable, "the configuration file \(path) cannot be read; name an existing file with --config")
    }
    guard data.count <= maximumBytes else {
      throw ConfigurationError(.unreadable, "the configuration file \(path) has more than \(maximumBytes) bytes")
    }
    return try parse(type, data: Array(data), name: path)
  }

  /// Checks settings given as the bytes of a JSON object; `name` is the file's name in errors.
  public static func parse<Settings: DaemonConfiguration>(_ type: Settings.Type, data bytes: [UInt8], name: String)
    throws(ConfigurationError) -> Settings
  {
    let data = Data(bytes)
    guard let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any] else {
      throw ConfigurationError(
        .notJSON, "\(name) is not a JSON object; it has to look like {\"data\": \"/var/lib/keyfold\"}")
    }
    if let twice = RepeatedKeys.first(in: bytes) {
      throw ConfigurationError(
        .invalidValue, "\(name): the key '\(Spelling.printable(twice))' stands there twice; keep one of them")
    }
    try check(object, prefix: "", known: Settings.keys, name: name)
    do { return try JSONDecoder().decode(type, from: data) } catch {
      throw ConfigurationError(.wrongType, "\(name): \(sentence(for: error, in: object))")
    }
  }

  private static func check(_ object: [String: Any], prefix: String, known: [String], name: String)
    throws(ConfigurationError)
  {
    for (key, value) in object.sorted(by: { $0.key < $1.key }) {
      let path = prefix + key
      if known.contains(path) {
        try checkPort(value, key: key, path: path, name: name)
        continue
      }
      let isGroup = known.contains { $0.hasPrefix(path + ".") }
      guard isGroup, let inner = value as? [String: Any] else {
        throw unknown(path, isGroup: isGroup, known: known, name: name)
      }
      try check(inner, prefix: path + ".", known: known, name: name)
    }
  }

  /// Every key named `port` holds one. Looked at here, because the decoder does not say which number is too large.
  private static func checkPort(_ value: Any, key: String, path: String, name: String) throws(ConfigurationError) {
    guard key == "port", let number = (value as? NSNumber)?.doubleValue else { return }
    guard (0...65_535).contains(number), number.rounded() == number else {
      throw ConfigurationError(.invalidValue, "\(name): '\(path)' is \(value); a port is a whole number, 0 to 65535")
    }
  }

  /// The keys of numbers that are not whole or too large for one.
  private static func unwholeNumbers(in object: [String: Any], prefix: String = "") -> [String] {
    object.sorted { $0.key < $1.key }.flatMap { key, value -> [String] in
      if let inner = value as? [String: Any] { return unwholeNumbers(in: inner, prefix: prefix + key + ".") }
      guard let number = (value as? NSNumber)?.doubleValue, Int(exactly: number) == nil else { return [] }
      return ["'\(prefix)\(key)'"]
    }
  }

  private static func unknown(_ path: String, isGroup: Bool, known: [String], name: String) -> ConfigurationError {
    if isGroup { return ConfigurationError(.wrongType, "\(name): '\(path)' has to be an object with keys of its own") }
    let shown = Spelling.printable(path)
    let hint =
      Spelling.nearest(to: path, among: known).map { "did you mean '\($0)'?" }
      ?? "the known keys are \(known.sorted().joined(separator: ", "))"
    return ConfigurationError(.unknownKey, "\(name): the key '\(shown)' is not known; \(hint)")
  }

  private static func sentence(for error: any Error, in object: [String: Any]) -> String {
    func path(_ context: DecodingError.Context) -> String {
      context.codingPath.map(\.stringValue).joined(separator: ".")
    }
    switch error {
    case DecodingError.typeMismatch(let type, let context), DecodingError.valueNotFound(let type, let context):
      return "the value of '\(path(context))' has to be of type \(type)"
    case DecodingError.keyNotFound(let key, _): return "the key '\(key.stringValue)' is missing"
    case DecodingError.dataCorrupted(let context) where context.codingPath.isEmpty:
      // It was JSON a moment ago: the decoder says this of a number that does not fit, and not where it stands.
      let keys = unwholeNumbers(in: object)
      return keys.isEmpty ? "a number does not fit" : "\(keys.joined(separator: " or ")) has to be a whole number"
    case DecodingError.dataCorrupted(let context):
      return "the value of '\(path(context))' is wrong: \(context.debugDescription)"
    case let error as ModelError: return error.description
    case let error as ConfigurationError: return error.description
    default: return "it does not fit"
    }
  }
}
