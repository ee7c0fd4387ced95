using Pipeline.Core;
using Pipeline.Sources.Snowflake.Client;

namespace Pipeline.Sources.Snowflake.Reading;

/// <summary>
/// Spares a warehouse the windows that have no rows. While the greatest watermark is one that reading does not come to, it says nothing of
/// what changes below it: then the table's token of changes does, which Snowflake has without a warehouse, and the least watermark
/// that has not been read.
/// </summary>
internal sealed class TableChanges(string thing, string quotedTable, string quotedWatermark, TableLiterals literals, SnowflakeClient client)
{
    private string? _asked;
    private (string Token, long Due)? _read;

    /// <summary>Whether a window that ends at <paramref name="end"/> may have rows. Asked before it is read.</summary>
    public async ValueTask<bool> MayHaveRowsAsync(WatermarkBound bound, long end, CancellationToken cancellationToken)
    {
        if (bound.Beyond is null)
        {
            (_asked, _read) = (null, null);
            return true;
        }

        // Asked before the window is: what changes while that is read changes the token once more.
        _asked = await TokenAsync(cancellationToken);
        return _asked is null || _read is not { } read || read.Token != _asked || read.Due < end;
    }

    /// <summary>The window has been read to its end.</summary>
    public async ValueTask ReadToAsync(WatermarkBound bound, long end, CancellationToken cancellationToken)
    {
        if (_asked is not { } token) return;
        var least = await client.QueryCellAsync(thing, $"SELECT MIN({quotedWatermark}) FROM {quotedTable} WHERE {quotedWatermark} >= {literals.Of(end)}", cancellationToken);
        _read = (token, least is null ? long.MaxValue : bound.PositionOf(least));
    }

    /// <summary>Null: Snowflake has none of this object.</summary>
    private async ValueTask<string?> TokenAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await client.QueryCellAsync(thing, $"SELECT SYSTEM$LAST_CHANGE_COMMIT_TIME('{quotedTable.Replace("'", "''")}')", cancellationToken);
        }
        catch (PipelineException e) when (!e.IsTransient)
        {
            return null;
        }
    }
}
