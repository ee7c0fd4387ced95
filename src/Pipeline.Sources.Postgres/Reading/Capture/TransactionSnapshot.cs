using System.Collections.Immutable;
using System.Globalization;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>Which transactions can be seen at a moment, as <c>txid_current_snapshot()</c> tells it (manual 9.27).</summary>
/// <param name="Oldest">All before it have ended.</param>
/// <param name="Next">None from it on has.</param>
/// <param name="UnderWay">Those between that have not.</param>
internal sealed record TransactionSnapshot(ulong Oldest, ulong Next, ImmutableHashSet<ulong> UnderWay)
{
    /// <param name="text"><c>OLDEST:NEXT:UNDER_WAY,…</c></param>
    public static TransactionSnapshot Parse(string text)
    {
        var parts = text.Split(':');
        return new TransactionSnapshot(Number(parts[0]), Number(parts[1]), [.. parts[2].Split(',', StringSplitOptions.RemoveEmptyEntries).Select(Number)]);
    }

    /// <param name="transaction">As the log has it, without how often numbers have begun again: it is near the moment.</param>
    public bool Sees(uint transaction)
    {
        var full = Next - (ulong)(long)(int)((uint)Next - transaction);
        return full < Oldest || (full < Next && !UnderWay.Contains(full));
    }

    private static ulong Number(string text) => ulong.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
}
