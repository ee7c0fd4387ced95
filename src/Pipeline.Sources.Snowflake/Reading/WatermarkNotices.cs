using Microsoft.Extensions.Logging;
using Pipeline.Sources.Snowflake.Catalog;

namespace Pipeline.Sources.Snowflake.Reading;

/// <summary>Tells what keeps rows of a table from being read though no statement fails: once, and again when it has ended in between.</summary>
internal sealed class WatermarkNotices(string source, SnowflakeTableOptions table, TableShape shape, ILogger log)
{
    private string? _beyond;
    private bool _isBelow, _isAtEnd;

    /// <param name="from">Up to where the table has been read; null: it has not.</param>
    public void Look(WatermarkBound bound, long? from)
    {
        if (bound.Beyond is { } beyond && _beyond is null && shape.IsTimestamp) log.GreatestIsAhead(source, table.Name, table.Watermark, beyond, Text(bound.Clock!.Value), Advice);
        else if (bound.Beyond is { } number && _beyond is null) log.GreatestIsTooLarge(source, table.Name, table.Watermark, number);
        _beyond = bound.Beyond;

        if (from is not { } reached) return;
        // Numbers that began again are read, and told by who does.
        var isBelow = shape.IsTimestamp && !(bound.Seen >= reached);
        if (isBelow && !_isBelow) log.GreatestIsBelow(source, table.Name, table.Watermark, bound.Seen is { } seen ? Text(seen - 1) : "none", Text(reached));
        _isBelow = isBelow;
        if (reached == long.MaxValue && !_isAtEnd) log.WatermarkIsAtItsEnd(source, table.Name, table.Watermark);
        _isAtEnd = reached == long.MaxValue;
    }

    private string Advice => shape.HasMoments ? "Correct the row." : "Correct the row, or fill the column in UTC: a TIMESTAMP_NTZ of a zone ahead of it is read that much later.";

    private string Text(long position) => shape.IsTimestamp ? WatermarkBound.TextOf(position) : position.ToString();
}
