// SPDX-License-Identifier: GPL-3.0-or-later

/// One seed's run.
package enum SimulationRun {
  /// A promise that was broken, with what is needed to look into it.
  package struct Failure: Error, CustomStringConvertible {
    package let seed: UInt64
    /// The promise, and when it was broken.
    package let sentence: String
    /// The last things that happened before.
    package let trace: [String]

    package var description: String {
      "seed \(seed): \(sentence)\n" + trace.map { "  " + $0 }.joined(separator: "\n")
    }
  }

  /// All that happens in a run, to look into it.
  package static func trace(_ profile: SimulationProfile) -> [String] {
    let world = SimulatedWorld(profile, tracing: true)
    world.keepsWholeTrace = true
    world.play()
    return [profile.summary] + world.trace + [world.violation ?? "no promise was broken"]
  }

  /// Plays a profile; a failure is played again to show how it came about.
  package static func play(_ profile: SimulationProfile) throws(Failure) -> SimulationStatistics {
    let world = SimulatedWorld(profile, tracing: false)
    world.play()
    guard let violation = world.violation else { return world.statistics }
    let again = SimulatedWorld(profile, tracing: true)
    again.play()
    var sentence = "at \(SimulatedWorld.clock(world.now)) s: \(violation)"
    if again.violation != violation { sentence += " (played again: \(again.violation ?? "nothing"))" }
    throw Failure(
      seed: profile.seed, sentence: sentence,
      trace: [profile.summary] + again.trace.suffix(SimulatedWorld.traceLines))
  }
}
