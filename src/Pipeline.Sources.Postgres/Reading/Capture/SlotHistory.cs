using System.Globalization;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Client;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>Whether a server has the changes that the lake has, and those behind them.</summary>
internal static class SlotHistory
{
    /// <summary>What the slot alone tells; null: nothing speaks against going on.</summary>
    public static PipelineException? FaultOf(PostgresSourceOptions options, SplitId split, long position, SlotState slot)
    {
        if (position < slot.Confirmed)
            return new PipelineException(FaultKind.Gap, Thing(options),
                $"the lake is at {Lsn.Format(position)}, but the slot only has changes from {Lsn.Format(slot.Confirmed)}: it was made anew or moved on by someone else",
                "Read the tables anew, by giving them other names, or accept the gap and go on from the slot's position with ./pipeline resume TABLE --accept-gap.")
            {
                Split = split,
                Gap = new PositionRange(position, slot.Confirmed),
            };
        return position <= slot.End ? null : Ahead(options, split, slot.Confirmed, $"the lake is at {Lsn.Format(position)}, but the server's log ends at {Lsn.Format(slot.End)}");
    }

    /// <summary>
    /// Also what the server says of its timelines: where it has left the one that the position was read on. Nothing is known of a position of an
    /// earlier release.
    /// </summary>
    /// <param name="readOn">The timeline of the position; null: not known.</param>
    public static async ValueTask<PipelineException?> FaultOfAsync(PostgresConnections connections, SplitId split, long position, long? readOn, SlotState slot, CancellationToken cancellationToken)
    {
        if (FaultOf(connections.Options, split, position, slot) is { } fault) return fault;
        if (readOn is not { } known || slot.Timeline is not { } now || now == known) return null;
        var left = await connections.UseWireBesideAsync(Thing(connections.Options), wire => LeftAt(wire, now, known), cancellationToken);
        if (left >= position) return null;
        var where = left is null ? $"the server is on timeline {now}, which has not come out of timeline {known}" : $"the server has left timeline {known} at {Lsn.Format(left.Value)}";
        return Ahead(connections.Options, split, Math.Max(left ?? 0, slot.Confirmed), $"the lake is at {Lsn.Format(position)} of timeline {known}, but {where}");
    }

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
        $"Bring the right server back. Or go on with this one by ./pipeline resume TABLE --accept-gap, for each table: it is read from {Lsn.Format(readAgainFrom)} on in a new epoch, which wins; rows that only the lake has stay.")
    {
        Split = split,
        ReadAgainFrom = readAgainFrom,
    };
}
