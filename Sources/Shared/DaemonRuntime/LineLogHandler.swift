// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import Foundation
public import Logging

/// Writes each log event as one line, as text for people or as JSON for machines.
public struct LineLogHandler: LogHandler {
  /// How a line looks.
  public enum Format: Sendable { case text, json }

  /// The level below which nothing is written: the process's, until a logger gets one of its own.
  public var logLevel: Logger.Level {
    get { ownLevel ?? shared.current }
    set { ownLevel = newValue }
  }
  /// What is added to every event.
  public var metadata: Logger.Metadata = [:]
  /// Where metadata of the context comes from, none by default.
  public var metadataProvider: Logger.MetadataProvider?

  private var ownLevel: Logger.Level?
  private let shared: LogLevel
  private let label: String
  private let format: Format
  private let now: @Sendable () -> OperatorTime
  private let write: @Sendable (String) -> Void

  /// Makes a handler that gives each finished line, line end included, to `write`.
  public init(label: String, level: LogLevel, format: Format, write: @escaping @Sendable (String) -> Void) {
    self.init(label: label, level: level, format: format, write: write) {
      OperatorTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
    }
  }

  init(
    label: String, level: LogLevel, format: Format, write: @escaping @Sendable (String) -> Void,
    now: @escaping @Sendable () -> OperatorTime
  ) {
    self.label = label
    self.format = format
    self.write = write
    self.now = now
    shared = level
  }

  /// One value of the metadata.
  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  /// Writes one event as one line.
  public func log(event: LogEvent) {
    var fields = metadata
    if let provided = metadataProvider?.get() { fields.merge(provided) { $1 } }
    if let own = event.metadata { fields.merge(own) { $1 } }
    if let error = event.error { fields["error"] = "\(error)" }
    switch format {
    case .text: write(text(event, fields))
    case .json: write(json(event, fields))
    }
  }

  private func text(_ event: LogEvent, _ fields: Logger.Metadata) -> String {
    let level = event.level.rawValue.uppercased()
    let padded = level + String(repeating: " ", count: max(0, 8 - level.count))
    let rest = fields.sorted { $0.key < $1.key }
      .map { " " + $0.key + "=" + Spelling.printable(String(describing: $0.value), limit: 1000) }
    return
      "\(now()) \(padded) \(label): \(Spelling.printable(event.message.description, limit: 4000))\(rest.joined())\n"
  }

  private func json(_ event: LogEvent, _ fields: Logger.Metadata) -> String {
    var object: [String: String] = [:]
    for (key, value) in fields { object[key] = String(describing: value) }
    object["time"] = now().description
    object["level"] = event.level.rawValue
    object["logger"] = label
    object["message"] = event.message.description
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(object), let line = String(bytes: data, encoding: .utf8) else { return "" }
    return line + "\n"
  }
}
