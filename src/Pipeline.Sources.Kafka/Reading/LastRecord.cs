namespace Pipeline.Sources.Kafka.Reading;

/// <summary>
/// The last record that was read of a partition, as far as it tells whether the partition is still the log that it was of. Kept
/// beside the position as one number: the epoch of the record's leader, and how far the position is beyond it, where markers of
/// transactions and aborted records follow, which may be of another leader.
/// </summary>
/// <param name="Next">The offset behind it.</param>
/// <param name="LeaderEpoch">Of the leader that took it.</param>
internal readonly record struct LastRecord(long Next, int LeaderEpoch)
{
    private const int DistanceBits = 32;

    /// <param name="position">At or beyond <see cref="Next"/>.</param>
    /// <returns>Null: it is too far away to be kept.</returns>
    public long? NoteAt(long position) => position - Next is >= 0 and <= uint.MaxValue and var distance ? (long)LeaderEpoch << DistanceBits | distance : null;

    /// <summary>Null: nothing is known of it.</summary>
    public static LastRecord? Of(long? note, long? position) => (note, position) is ({ } kept and >= 0, { } at) && at - (kept & uint.MaxValue) is >= 0 and var next
        ? new LastRecord(next, (int)(kept >> DistanceBits))
        : null;
}
