// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import Replication

extension AgentConfiguration {
  private static let scrubRates = 0.01...100_000
  private static let scrubPeriods = 0.0001...100_000

  /// Throws `configuration` for a scrub that can't be.
  func checkScrub() throws(AgentError) {
    if let rate = scrubMegabytesPerSecond, rate != 0, !Self.scrubRates.contains(rate) {
      throw AgentError(
        .configuration, "scrubMegabytesPerSecond is \(rate); it has to be 0 (for none) or 0.01 to 100000")
    }
    if let hours = scrubHours, !Self.scrubPeriods.contains(hours) {
      throw AgentError(.configuration, "scrubHours is \(hours); it has to be from 0.0001 to 100000")
    }
  }

  /// How fast and how often the node reads all its tables.
  var scrub: ScrubOptions {
    ScrubOptions(
      bytesPerSecond: scrubMegabytesPerSecond.map { Int($0 * 1_048_576) } ?? ScrubOptions.defaultBytesPerSecond,
      period: scrubHours.map { .seconds($0 * 3600) } ?? ScrubOptions.defaultPeriod)
  }
}

/// Reading what nobody reads.
extension AgentShell {
  /// The shortest rest between two steps of the scrub.
  static let scrubRest = Duration.milliseconds(5)

  /// Scrubs until it is cancelled.
  func scrub() async {
    let options = configuration.scrub
    while !Task.isCancelled {
      var wait = Duration.seconds(1)
      if let member {
        wait = await member.scrub(options)
        scrubStatus = await member.scrubStatus
      } else {
        scrubStatus = nil
      }
      guard (try? await Task.sleep(for: max(wait, Self.scrubRest))) != nil else { return }
    }
  }

  /// What a heartbeat says of it.
  var scrubReport: ScrubReport? {
    scrubStatus.map { status in
      ScrubReport(
        bytes: status.bytes, tablesDone: status.tablesDone, tablesTotal: status.tablesTotal,
        lastPassAtMilliseconds: status.lastPassAtMilliseconds, pause: status.pause)
    }
  }
}
