// SPDX-License-Identifier: GPL-3.0-or-later

/// Where a key of AWS's dialect stands in the state: its id in the server's own region, `REGION/ID` in another.
struct KeySlot: Equatable {
  let text: String

  /// The place of an id in a region.
  init(id: String, region: String, home: String) { text = region == home ? id : "\(region)/\(id)" }

  /// A place as it stands in the state.
  init(_ text: String) { self.text = text }

  /// The id without the region.
  var id: String { String(text.split(separator: "/").last ?? "") }

  /// The region; `home` for the server's own.
  func region(home: String) -> String {
    let parts = text.split(separator: "/")
    return parts.count == 2 ? String(parts[0]) : home
  }
}

extension LocalKMSState {
  /// The most regions a multi-Region key is in, and the most rotations of a key (AWS's default quota).
  static let maximumRegions = 16
  static let maximumRotations = 25

  /// All places of a multi-Region key, its primary's first.
  func places(of id: String) -> [Key] {
    keys.values.filter { KeySlot($0.id).id == id }.sorted { left, right in
      left.isPrimary == right.isPrimary ? left.id < right.id : left.isPrimary
    }
  }

  /// The regions that requests may be signed for.
  func regions(home: String) -> Set<String> { Set(keys.keys.map { KeySlot($0).region(home: home) }).union([home]) }
}

extension LocalKMSState.Key {
  /// The number of the current material.
  var rotation: Int { rotations?.count ?? 0 }

  /// A material, sealed; nil if there is no such one.
  func material(_ rotation: Int) -> String? {
    if rotation == 0 { return sealedMaterial }
    guard let rotations, rotation <= rotations.count else { return nil }
    return rotations[rotation - 1].sealedMaterial
  }

  /// Whether it is no replica.
  var isPrimary: Bool { isReplica != true }

  /// Whether it is one of a multi-Region key's.
  var isMultiRegion: Bool { KeyIdentifier.isMultiRegion(KeySlot(id).id) }
}
