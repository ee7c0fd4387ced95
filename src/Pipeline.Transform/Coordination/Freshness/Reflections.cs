namespace Pipeline.Transform.Coordination.Freshness;

/// <summary>
/// Up to which moment of the sources versions of one table reflect them: a version that has been there for a while may be found to
/// reflect more, when the source has been looked at and had nothing new. Bounded.
/// </summary>
internal sealed class Reflections
{
    private const int VersionsMax = 256;

    /// <summary>Both only grow.</summary>
    private readonly List<(long Version, TimeSpan Until)> _known = [];

    public int Count => _known.Count;

    public void Add(long version, TimeSpan until)
    {
        // A table that was made anew counts its versions from the beginning.
        if (_known.Count > 0 && version < _known[^1].Version) _known.Clear();
        if (_known.Count > 0 && until <= _known[^1].Until) return;
        if (_known.Count > 0 && version == _known[^1].Version) _known.RemoveAt(_known.Count - 1);
        _known.Add((version, until));
        if (_known.Count > VersionsMax) Thin();
    }

    /// <summary>Null: nothing is known of that version or one before it.</summary>
    public TimeSpan? Until(long version)
    {
        for (var i = _known.Count - 1; i >= 0; i--)
            if (_known[i].Version <= version) return _known[i].Until;
        return null;
    }

    /// <summary>Nobody asks for versions before this one any more.</summary>
    public void Forget(long before)
    {
        var last = _known.FindLastIndex(known => known.Version <= before);
        if (last > 0) _known.RemoveRange(0, last);
    }

    /// <summary>Of a table that nobody has read for long every second is enough: whoever reads some of it is taken to reflect a little less.</summary>
    private void Thin()
    {
        for (var i = _known.Count - 2; i > 0; i -= 2) _known.RemoveAt(i);
    }
}
