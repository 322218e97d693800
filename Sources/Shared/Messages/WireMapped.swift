// SPDX-License-Identifier: GPL-3.0-or-later

/// A value that has a message of its own in the schema.
protocol WireMapped {
  /// Reads the value; throws what is wrong with the message.
  init(wire: WireReader) throws(MessageError)
  /// Writes the value.
  func write(to wire: WireWriter) throws(MessageError)
}

/// An enum without associated values; the schema's numbers count its cases from 1, 0 is UNSPECIFIED.
protocol WireChoice: Equatable, Sendable {
  /// The cases in the order of the schema.
  static var wireOrder: [Self] { get }
}
