using Pipeline.Core;

namespace Pipeline.Node.Composition;

/// <summary>
/// Which Bronze tables have what their sources held at a moment, by what their readers say: that each split has been looked at since, and
/// that everything which it held then is in the table. Thread-safe.
/// </summary>
/// <remarks>The moment is when this is made.</remarks>
internal sealed class LandedTables(TimeProvider time)
{
    private readonly long _since = time.GetTimestamp();
    private readonly Lock _lock = new();
    private readonly Dictionary<TableId, int> _listed = [];
    private readonly Dictionary<(TableId Table, string Reader), int> _landed = [];

    public bool Has(TableId table)
    {
        lock (_lock)
            return _listed.TryGetValue(table, out var listed) && listed > 0 && _landed.Where(landed => landed.Key.Table == table).Sum(landed => landed.Value) >= listed;
    }

    public void Looked(BronzeLooked looked)
    {
        lock (_lock)
        {
            if (looked.Listed is { } listed) _listed[looked.Table] = listed;
            if (looked.AgeMs is { } age && age > time.GetElapsedTime(_since).TotalMilliseconds) return;
            _landed[(looked.Table, looked.Reader)] = Math.Max(looked.Splits, _landed.GetValueOrDefault((looked.Table, looked.Reader)));
        }
    }
}
