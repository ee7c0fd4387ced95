namespace Pipeline.Configuration;

/// <summary>Replaces substitutions and merges what was assigned to a setting more than once.</summary>
internal sealed class HoconResolver(HoconObject root, ReadEnvironmentVariable environment, List<ConfigProblem> problems)
{
    // What is being worked out, as positions in lists of assignments: a reference that comes back to one of them means
    // the assignments before it (path = ${path}":/bin"), or is a cycle when there are none.
    private readonly List<(List<HoconNode> Assigned, int Index)> _inProgress = [];
    private readonly HashSet<HoconObject> _openObjects = new(ReferenceEqualityComparer.Instance);
    private bool _cycleSeen;

    public ConfigObject Resolve() => ResolveObject(root, "");

    private ConfigObject ResolveObject(HoconObject node, string path)
    {
        _openObjects.Add(node);
        var fields = new OrderedDictionary<string, ConfigValue>(StringComparer.Ordinal);
        var unset = new Dictionary<string, UnsetVariable>(StringComparer.Ordinal);
        foreach (var (key, assigned) in node.Fields)
        {
            var fieldPath = path.Length == 0 ? key : $"{path}.{key}";
            if (Find(assigned, assigned.Count, [], fieldPath) is { } value) fields.Add(key, value);
            else if (assigned.SelectMany(Optional).LastOrDefault() is { } missing) unset.Add(key, new UnsetVariable(string.Join('.', missing.Path), missing.Location));
        }

        _openObjects.Remove(node);
        return new ConfigObject(fields, node.Location) { Unset = unset };
    }

    private static IEnumerable<HoconSubstitution> Optional(HoconNode node) => node switch
    {
        HoconSubstitution { IsOptional: true } substitution => [substitution],
        HoconConcatenation concatenation => concatenation.Parts.SelectMany(Optional),
        _ => [],
    };

    /// <summary>
    /// What the first <paramref name="count"/> assignments amount to at <paramref name="rest"/> below them; null when
    /// undefined. The last one wins; objects merge with those before them.
    /// </summary>
    private ConfigValue? Find(List<HoconNode> assigned, int count, ReadOnlySpan<string> rest, string path)
    {
        foreach (var (list, index) in _inProgress)
        {
            if (!ReferenceEquals(list, assigned) || index >= count) continue;
            count = index;
            _cycleSeen = true;
        }

        ConfigObject? merged = null;
        for (var i = count - 1; i >= 0; i--)
        {
            var node = assigned[i];
            if (node is HoconNull) break;

            ConfigValue? found;
            if (node is HoconObject section)
            {
                found = FindIn(section, rest, path);
            }
            else
            {
                var value = Evaluate(assigned, i, path);
                // A text or list hides what was assigned before it.
                if (rest.Length > 0 && value is ConfigScalar or ConfigList) break;
                found = FindIn(value, rest);
            }

            if (found is null) continue;
            if (found is not ConfigObject lower) return merged ?? found;
            merged = merged is null ? lower : Merge(lower, merged);
        }

        return merged;
    }

    private ConfigValue? FindIn(HoconObject section, ReadOnlySpan<string> rest, string path)
    {
        if (rest.Length > 0) return section.Fields.TryGetValue(rest[0], out var assigned) ? Find(assigned, assigned.Count, rest[1..], path) : null;
        if (!_openObjects.Contains(section)) return ResolveObject(section, path);
        _cycleSeen = true;
        return null;
    }

    private static ConfigValue? FindIn(ConfigValue? value, ReadOnlySpan<string> rest)
    {
        foreach (var key in rest) value = (value as ConfigObject)?.Fields.GetValueOrDefault(key);
        return value;
    }

    private ConfigValue? Evaluate(List<HoconNode> assigned, int index, string path)
    {
        _inProgress.Add((assigned, index));
        var value = assigned[index] is HoconAppend append ? Append(append, Find(assigned, index, [], path), path) : Evaluate(assigned[index], path);
        _inProgress.RemoveAt(_inProgress.Count - 1);
        return value;
    }

    private ConfigValue? Evaluate(HoconNode node, string path) => node switch
    {
        HoconText text => new ConfigScalar(text.Text, text.Location) { Hides = text.Hides },
        HoconObject section => ResolveObject(section, path),
        HoconList list => new ConfigList([.. list.Items.Select((item, i) => Evaluate(item, $"{path}[{i}]")).OfType<ConfigValue>()], list.Location),
        HoconSubstitution substitution => Substitute(substitution, path),
        HoconConcatenation concatenation => Concatenate(concatenation, path),
        _ => null,
    };

    private ConfigValue? Append(HoconAppend append, ConfigValue? before, string path)
    {
        var item = Evaluate(append.Item, path);
        if (before is not (null or ConfigList))
        {
            problems.Add(new ConfigProblem(append.Location, path, $"'+=' appends to a list, but the value of {before.Location} is none"));
            return before;
        }

        IEnumerable<ConfigValue> items = before is ConfigList list ? list.Items : [];
        return new ConfigList(item is null ? [.. items] : [.. items, item], before?.Location ?? append.Location);
    }

    private ConfigValue? Substitute(HoconSubstitution substitution, string path)
    {
        var outerCycle = _cycleSeen;
        _cycleSeen = false;
        var name = string.Join('.', substitution.Path);
        var value = substitution.Base.Length > 0 ? Lookup([.. substitution.Base, .. substitution.Path]) : null;
        value ??= Lookup(substitution.Path);
        value ??= environment(name) is { } text ? new ConfigScalar(text, substitution.Location) : null;

        if (value is null && !substitution.IsOptional)
        {
            problems.Add(new ConfigProblem(substitution.Location, path, _cycleSeen
                ? $"${{{name}}} leads back to this setting"
                : $"${{{name}}} is neither a setting nor an environment variable. Set it, or write ${{?{name}}} where it may be missing"));
        }

        _cycleSeen = outerCycle || (value is null && _cycleSeen);
        return value switch
        {
            // An error in the value shows at the place that chose it.
            ConfigScalar scalar => scalar with { Location = substitution.Location },
            _ => value,
        };
    }

    private ConfigValue? Lookup(string[] path) =>
        root.Fields.TryGetValue(path[0], out var assigned) ? Find(assigned, assigned.Count, path.AsSpan(1), string.Join('.', path)) : null;

    private ConfigValue? Concatenate(HoconConcatenation concatenation, string path)
    {
        var values = concatenation.Parts
            .Select(part => (Part: part, Value: part is HoconSpace space ? new ConfigScalar(space.Text, space.Location) : Evaluate(part, path)))
            .Where(pair => pair.Value is not null)
            .ToList();
        var content = values.Where(pair => pair.Part is not HoconSpace).Select(pair => pair.Value!).ToList();

        if (content.Count == 0) return null;
        if (content.TrueForAll(value => value is ConfigScalar))
            return new ConfigScalar(string.Concat(values.Select(pair => ((ConfigScalar)pair.Value!).Text)), concatenation.Location);
        if (content.TrueForAll(value => value is ConfigList))
            return new ConfigList([.. content.SelectMany(value => ((ConfigList)value).Items)], concatenation.Location);
        if (content.TrueForAll(value => value is ConfigObject))
            return content.Cast<ConfigObject>().Aggregate(Merge);

        problems.Add(new ConfigProblem(concatenation.Location, path, "texts, lists and sections stand side by side; they can only be joined with their own kind"));
        return null;
    }

    private static ConfigObject Merge(ConfigObject earlier, ConfigObject later)
    {
        var fields = new OrderedDictionary<string, ConfigValue>(earlier.Fields, StringComparer.Ordinal);
        foreach (var (key, value) in later.Fields)
        {
            fields[key] = value is ConfigObject laterSection && fields.TryGetValue(key, out var before) && before is ConfigObject earlierSection
                ? Merge(earlierSection, laterSection)
                : value;
        }

        return new ConfigObject(fields, earlier.Location)
        {
            Unset = earlier.Unset.Concat(later.Unset).Where(unset => !fields.ContainsKey(unset.Key)).DistinctBy(unset => unset.Key).ToDictionary(StringComparer.Ordinal),
        };
    }
}
