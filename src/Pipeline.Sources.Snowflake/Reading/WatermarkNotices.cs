using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Sources.Snowflake.Catalog;

namespace Pipeline.Sources.Snowflake.Reading;

/// <summary>Tells what keeps rows of a table from being read though no statement fails: once, and again when it has ended in between.</summary>
internal sealed class WatermarkNotices(string source, SnowflakeTableOptions table, TableShape shape, SplitLooks looks, SplitId split, TimeProvider time, ILogger log)
{
    private string? _beyond;
    private bool _isAtEnd;

    /// <param name="from">Up to where the table has been read; null: it has not.</param>
    public void Look(WatermarkBound bound, long? from)
    {
        if (bound.Beyond is { } beyond && _beyond is null && shape.IsTimestamp) log.GreatestIsAhead(source, table.Name, table.Watermark, beyond, Text(bound.Clock!.Value), Advice);
        else if (bound.Beyond is { } number && _beyond is null) log.GreatestIsTooLarge(source, table.Name, table.Watermark, number);
        _beyond = bound.Beyond;

        if (from is not { } reached) return;
        var doubt = DoubtOf(source, table, shape, split, bound.Seen, reached);
        if (looks.Doubt(split, doubt, time) is { } told) log.RowsMayBePassedBy(told.Thing, told.Cause, told.NextStep);
        if (reached == long.MaxValue && !_isAtEnd) log.WatermarkIsAtItsEnd(source, table.Name, table.Watermark);
        _isAtEnd = reached == long.MaxValue;
    }

    /// <summary>Times that fell may be those of rows that were put in below what was read. Numbers that began again are read, and told by who does.</summary>
    /// <param name="seen">One more than the greatest; null: there is none.</param>
    public static PipelineException? DoubtOf(string source, SnowflakeTableOptions table, TableShape shape, SplitId split, long? seen, long reached) => !shape.IsTimestamp || seen >= reached ? null
        : new PipelineException(FaultKind.Gap, $"Source {source}, table {table.Name} ({table.Table})",
            $"the greatest {table.Watermark} is {(seen is { } one ? WatermarkBound.TextOf(one - 1) : "none")}, and the table has been read up to {WatermarkBound.TextOf(reached)}: it was emptied, restored, or lost its newest rows, and rows below that time are not read",
            $"If rows with older times were put in, have all that it has read again: ./pipeline resume {TableId.Bronze(source, table.Name)} --accept-gap. If rows were only deleted, nothing is to be done.")
        {
            Split = split, ReadAgainFrom = shape.Beginning,
        };

    private string Advice => shape.HasMoments ? "Correct the row." : "Correct the row, or fill the column in UTC: a TIMESTAMP_NTZ of a zone ahead of it is read that much later.";

    private string Text(long position) => shape.IsTimestamp ? WatermarkBound.TextOf(position) : position.ToString();
}
