using System.Buffers.Text;
using System.Text;
using Pipeline.Core;
using Pipeline.Operations.Inspection;

namespace Pipeline.Node.Http.Api;

/// <summary>A piece of a list.</summary>
/// <param name="Next">What <c>cursor</c> is for the piece behind it; null: this is the last.</param>
/// <param name="Failed">Tables that could not be read: they are missing among the items.</param>
internal sealed record PageDocument<T>(int SchemaVersion, IReadOnlyList<T> Items, string? Next, IReadOnlyList<FailedItem> Failed);

/// <summary>A table that could not be read, and why.</summary>
internal sealed record FailedItem(TableId Table, string Code, string Thing, string Cause, string NextStep);

internal static class Pages
{
    public static ApiParameter Limit { get; } = new("limit", "integer", "At most so many items.") { Min = 1, Max = 1_000, Default = 100 };

    public static ApiParameter Cursor { get; } = new("cursor", "string", "The next of the piece before; none for the first.");

    /// <summary>The piece that is asked for: items behind the cursor, by a key that keeps its place whatever comes and goes between two requests.</summary>
    /// <param name="keyOf">Unique; items are ordered by it.</param>
    public static PageDocument<T> Of<T>(ApiCall call, IEnumerable<T> items, Func<T, string> keyOf, IEnumerable<FailedTable> failed)
    {
        var (limit, after) = ((int)call.Number(Limit), After(call));
        var piece = items.Select(item => (Key: keyOf(item), Item: item)).Where(item => after is null || string.CompareOrdinal(item.Key, after) > 0)
            .OrderBy(item => item.Key, StringComparer.Ordinal).Take(limit + 1).ToList();
        return new PageDocument<T>(ApiJson.SchemaVersion, [.. piece.Take(limit).Select(item => item.Item)], piece.Count > limit ? CursorOf(piece[limit - 1].Key) : null,
            [.. failed.Select(table => new FailedItem(table.Table, ApiCodes.Of(table.Fault.Kind), table.Fault.Thing, table.Fault.Cause, table.Fault.NextStep))]);
    }

    /// <summary>The key behind which the piece begins; null: it is the first.</summary>
    /// <exception cref="PipelineException">The cursor is none that was given out.</exception>
    public static string? After(ApiCall call)
    {
        if (call.Text(Cursor) is not { } cursor) return null;
        try
        {
            return Encoding.UTF8.GetString(Base64Url.DecodeFromChars(cursor));
        }
        catch (FormatException e)
        {
            throw NotGivenOut(e);
        }
    }

    public static string CursorOf(string key) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(key));

    public static PipelineException NotGivenOut(Exception? inner) => new(FaultKind.Invalid, "'cursor' of this request", "it is none that a node has given out", "Take next of the piece before, as it is.", inner);
}
