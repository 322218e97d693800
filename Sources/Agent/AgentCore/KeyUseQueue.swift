// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// The uses of KMS keys that the coordinator has not taken into its audit record yet.
///
/// A value: the shell writes it to disk after every change. A use keeps the life and the number it was made under, so
/// that the coordinator knows it again, however often it is sent and whoever was restarted meanwhile.
public struct KeyUseQueue: Sendable, Codable, Equatable {
  /// How many uses are kept: ten days of checks without a coordinator. Beyond them the oldest are given up and counted.
  public static let maximumUses = 1000
  /// How long the coordinator has to answer before a report is sent again, in milliseconds.
  public static let resendDelay: Milliseconds = 5000

  private struct Entry: Sendable, Codable, Equatable {
    var boot: BootID
    var numbered: NumberedKeyUse
  }

  private var entries: [Entry] = []
  private var boot: BootID
  private var lastNumber: UInt64 = 0
  /// When the first entries were sent last, nil if they were not; means nothing after a restart.
  private var sentAt: Milliseconds?

  private enum CodingKeys: String, CodingKey { case entries, boot, lastNumber }

  /// Begins with nothing, in this life of the process.
  public init(boot: BootID) { self.boot = boot }

  /// How many uses wait.
  public var count: Int { entries.count }

  /// Another life of the process goes on with what an earlier one left.
  public mutating func begin(boot: BootID) {
    self.boot = boot
    lastNumber = 0
    sentAt = nil
  }

  /// A request went to the KMS.
  public mutating func note(_ use: KeyUse) {
    lastNumber &+= 1
    entries.append(Entry(boot: boot, numbered: NumberedKeyUse(number: lastNumber, use: use)))
    while entries.count > Self.maximumUses {
      let first = entries.removeFirst()
      entries[0].numbered.lostBefore &+= first.numbered.lostBefore &+ 1
    }
  }

  /// The link to the coordinator is new: what was sent on another may not have arrived.
  public mutating func onLink() { sentAt = nil }

  /// What to send now; nil if nothing waits, or if an answer may still come.
  public mutating func due(now: Milliseconds) -> KeyUseReport? {
    guard let first = entries.first else { return nil }
    if let sentAt, now >= sentAt, now - sentAt < Self.resendDelay { return nil }
    sentAt = now
    let uses = entries.prefix(KeyUseReport.maximumUses).prefix { $0.boot == first.boot }
    return KeyUseReport(boot: first.boot, uses: uses.map(\.numbered))
  }

  /// The coordinator has these on disk; false if that is nothing new.
  public mutating func onTaken(_ mark: KeyUseMark) -> Bool {
    let before = entries.count
    while let first = entries.first, first.boot == mark.boot, first.numbered.number <= mark.through {
      entries.removeFirst()
    }
    guard entries.count < before else { return false }
    sentAt = nil
    return true
  }
}
