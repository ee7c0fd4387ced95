using System.Globalization;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Client;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>Whether a server has the changes that the lake has, and those behind them.</summary>
internal static class SlotHistory
{
    /// <summary>What the slot alone tells; null: nothing speaks against going on.</summary>
    /// <param name="left">Where the lake stands; null: nowhere yet.</param>
    public static PipelineException? FaultOf(PostgresSourceOptions options, SplitPosition left, SlotState slot)
    {
        if (left.Position is not { } position) return null;
        if (position < slot.Confirmed)
        {
            var cause = $"the lake is at {Lsn.Format(position)}, but the slot only has changes from {Lsn.Format(slot.Confirmed)}: it was made anew or moved on by someone else";
            return options.Capture.Snapshot
                ? new PipelineException(FaultKind.Gap, Thing(options), cause,
                    "What the tables have now is read again in a new epoch, with a new snapshot, by ./pipeline resume TABLE --accept-gap, for each table; the changes between are missing in Bronze.")
                    { Split = left.Split, ReadAgainFrom = slot.Confirmed }
                : new PipelineException(FaultKind.Gap, Thing(options), cause,
                    "Read the tables anew, by giving them other names, or accept the gap and go on from the slot's position with ./pipeline resume TABLE --accept-gap.")
                    { Split = left.Split, Gap = new PositionRange(position, slot.Confirmed) };
        }

        var furthest = left.Places.Append((position, left.Marks)).Max(place => place.Item1);
        return furthest <= slot.End ? null : Ahead(options, left.Split, slot.Confirmed, $"the lake is at {Lsn.Format(furthest)}, but the server's log ends at {Lsn.Format(slot.End)}");
    }

    /// <summary>
    /// Also what the server says of its timelines: where it has left the one that the position was read on. Nothing is known of a position of an
    /// earlier release.
    /// </summary>
    public static async ValueTask<PipelineException?> FaultOfAsync(PostgresConnections connections, SplitPosition left, SlotState slot, CancellationToken cancellationToken)
    {
        if (slot.Timeline is { } now)
        {
            foreach (var places in left.Places.Where(place => place.Marks.Note is { } known && known != now).GroupBy(place => place.Marks.Note!.Value, place => place.Position))
            {
                var (known, position) = (places.Key, places.Max());
                var end = await connections.UseWireBesideAsync(Thing(connections.Options), wire => LeftAt(wire, now, known), cancellationToken);
                if (end >= position) continue;
                var where = end is null ? $"the server is on timeline {now}, which has not come out of timeline {known}" : $"the server has left timeline {known} at {Lsn.Format(end.Value)}";
                // Tables that have not come so far go on where they are.
                return Ahead(connections.Options, left.Split, Math.Max(Math.Min(end ?? 0, left.Position ?? 0), slot.Confirmed), $"the lake is at {Lsn.Format(position)} of timeline {known}, but {where}");
            }
        }

        return FaultOf(connections.Options, left, slot);
    }

    /// <summary>The server's log has other transactions than those that the lake has read.</summary>
    /// <param name="position">Where the lake stands.</param>
    /// <param name="confirmed">Where the slot stands.</param>
    /// <param name="last">Where the last transaction was committed that the lake has read, and when, in microseconds since the epoch.</param>
    public static PipelineException AnotherLog(PostgresSourceOptions options, SplitId split, long position, long confirmed, long last, long time) => Ahead(options, split, confirmed,
        string.Create(CultureInfo.InvariantCulture, $"the lake is at {Lsn.Format(position)} and has read a transaction of {Moments.OfMicroseconds(DateTimeOffset.UnixEpoch, time).InWords(decimals: 6)} at {Lsn.Format(last)} before, but the server's log has not"));

    /// <summary>Where a server has left a timeline that it was once on; null: it never was.</summary>
    /// <param name="now">Its timeline.</param>
    private static long? LeftAt(WireConnection wire, int now, long timeline)
    {
        if (now == 1) return null;
        // A file's name and its content (manual 55.4, TIMELINE_HISTORY).
        var file = wire.QueryRow(string.Create(CultureInfo.InvariantCulture, $"TIMELINE_HISTORY {now}"));
        return file is [_, { } history] ? LeftAt(history, timeline) : null;
    }

    /// <param name="history">Lines of a timeline, where it ended, and why, with tabs between; and comments.</param>
    internal static long? LeftAt(string history, long timeline)
    {
        foreach (var line in history.Split('\n'))
        {
            var parts = line.Trim().Split('\t');
            if (parts.Length >= 2 && long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number == timeline) return Lsn.Parse(parts[1]);
        }

        return null;
    }

    private static string Thing(PostgresSourceOptions options) => $"Source {options.Name}, slot {options.Capture.Slot}";

    private static PipelineException Ahead(PostgresSourceOptions options, SplitId split, long readAgainFrom, string cause) => new(FaultKind.Gap, Thing(options),
        $"{cause}: a backup was put back, or a standby took over that was behind. The lake has changes that the server has not",
        $"Bring the right server back. Or go on with this one by ./pipeline resume TABLE --accept-gap, for each table: {(options.Capture.Snapshot ? "what it has now is read in a new epoch, which wins, with a new snapshot, which deletes rows that only the lake has"
            : $"it is read from {Lsn.Format(readAgainFrom)} on in a new epoch, which wins; rows that only the lake has stay")}.")
    {
        Split = split,
        ReadAgainFrom = readAgainFrom,
    };
}
