using Pipeline.Core;

namespace Pipeline.Configuration;

/// <summary>
/// Reads one section of the configuration into typed values. A missing or wrong setting is noted in
/// <see cref="Problems"/> and a stand-in value returned, so that one pass finds all of them. Call <see cref="Complete"/>
/// when every known setting has been asked for: what is left over is a wrong key.
/// </summary>
public sealed class SettingsReader
{
    /// <summary>Stands in a form for a name that is free.</summary>
    private const string FreeName = "NAME";

    private readonly HashSet<string> _known = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _renamed = new(StringComparer.Ordinal);
    private readonly string _form;
    private ConfigObject _section;

    public SettingsReader(ConfigObject section, string path, List<ConfigProblem> problems)
        : this(section, path, path, problems, new SettingsNotes())
    {
    }

    private SettingsReader(ConfigObject section, string path, string form, List<ConfigProblem> problems, SettingsNotes notes)
    {
        _section = section;
        _form = form;
        Path = path;
        Problems = problems;
        Notes = notes;
    }

    /// <summary>Full path of this section, empty for the root.</summary>
    public string Path { get; }

    /// <summary>Everything found wrong so far, shared by all readers of one configuration.</summary>
    public List<ConfigProblem> Problems { get; }

    /// <summary>What else is worth knowing, shared by all readers of one configuration.</summary>
    public SettingsNotes Notes { get; }

    public SourceLocation Location => _section.Location;

    /// <summary>
    /// Declares the name that a setting had in the release before, as a path below this section: it is read under its new name,
    /// with a notice. Call it before the setting is asked for, and delete the call with the next release.
    /// </summary>
    /// <param name="note">What else has changed, e.g. its meaning; without a full stop.</param>
    public void Renamed(string was, string now, string? note = null)
    {
        _renamed[was] = now;
        if (ConfigPath.Find(_section, was) is not { } old) return;
        if (ConfigPath.Find(_section, now) is { } given)
            Problems.Add(new ConfigProblem(old.Location, PathOf(was), $"is the old name of {PathOf(now)}, which is given too ({given.Location}). Delete this one"));
        else
            Notes.Notices.Add(new ConfigNotice(old.Location, PathOf(was),
                $"is called {PathOf(now)} now{(note is null ? "" : $", and {note}")}. The old name is read by this release, not by the next"));
        _section = ConfigPath.Move(_section, was, now);
    }

    /// <summary>
    /// Declares a value that means something else since the release before: it is read as what it meant then, with a notice.
    /// Call it before the setting is asked for, and delete the call with the next release.
    /// </summary>
    /// <param name="means">What it is read as.</param>
    /// <param name="note">What it meant, and what it will mean; without a full stop.</param>
    public void Meant(string key, string was, string means, string note)
    {
        if (_section.Fields.GetValueOrDefault(key) is not ConfigScalar old || old.Text != was) return;
        Notes.Notices.Add(new ConfigNotice(old.Location, PathOf(key), $"{was} {note}. It is read as {means} by this release, not by the next: write {means}"));
        _section = ConfigPath.Replace(_section, key, old with { Text = means });
    }

    /// <summary>Reports that there are two sections of this name, which are one, where both say <paramref name="key"/>: that one may not mean to change the other.</summary>
    /// <param name="what">As <c>sources</c>: what there are two of.</param>
    /// <returns>Whether there are.</returns>
    public bool ReportTwins(string key, string what)
    {
        if (_section.Fields.GetValueOrDefault(key) is not ConfigScalar { Hides: { } other }) return false;
        Report(key, $"there are two {what} '{Path.Split('.')[^1]}', and the other is at {other}. Give one of them another name");
        return true;
    }

    public bool Has(string key)
    {
        _known.Add(key);
        return _section.Fields.ContainsKey(key);
    }

    /// <summary>Where <paramref name="key"/> is written; the section's own place when it is absent.</summary>
    public SourceLocation LocationOf(string key) => _section.Fields.TryGetValue(key, out var value) ? value.Location : UnsetOf(key)?.Location ?? Location;

    /// <summary>Why <paramref name="key"/> has no value though it is written; null: it has one, or is not written.</summary>
    public UnsetVariable? UnsetOf(string key) => _section.Unset.GetValueOrDefault(key);

    /// <summary>A required string.</summary>
    public string String(string key) => OptionalString(key) ?? Missing(key, "a string", "");

    public string? OptionalString(string key) => Scalar(key, SettingKind.Text)?.Text;

    public string String(string key, string byDefault) => Scalar(key, SettingKind.Text, byDefault)?.Text ?? byDefault;

    /// <summary>A required secret: <c>${?ENV}</c>, <c>secret:file:PATH</c>, <c>secret:aws:NAME</c> or <c>secret:ssm:NAME</c>.</summary>
    public Secret Secret(string key) => SecretOf(key, String(key));

    public Secret? OptionalSecret(string key) => OptionalString(key) is { } text ? SecretOf(key, text) : null;

    /// <summary>The text that stands at <paramref name="key"/>, which is a secret.</summary>
    public Secret SecretOf(string key, string text)
    {
        Notes.Secrets.Add(PathOf(key));
        if (LocalSecretStore.ProblemOf(text) is { } problem) Report(key, problem);
        var secret = new Secret(text);
        if (text.Length > 0) Notes.References.Add(new ConfiguredSecret(LocationOf(key), PathOf(key), secret));
        return secret;
    }

    public bool Bool(string key, bool byDefault) => Scalar(key, SettingKind.Flag, byDefault ? "true" : "false") switch
    {
        null => byDefault,
        { Text: "true" or "yes" or "on" } => true,
        { Text: "false" or "no" or "off" } => false,
        var scalar => Wrong(scalar, key, $"'{scalar.Text}' is not a boolean. Allowed: true, false", byDefault),
    };

    public int Int(string key, int byDefault, int min = int.MinValue, int max = int.MaxValue) => (int)Long(key, byDefault, min, max);

    public long Long(string key, long byDefault, long min = long.MinValue, long max = long.MaxValue) => Number(key, SettingKind.Number, byDefault, min, max);

    /// <summary>The port of an address.</summary>
    public int Port(string key, int byDefault) => (int)Number(key, SettingKind.Port, byDefault, min: 1, max: 65_535);

    /// <summary>A duration with its unit: <c>250ms</c>, <c>5s</c>, <c>10 minutes</c>; at most <see cref="ConfigUnits.DurationMax"/>.</summary>
    public TimeSpan Duration(string key, TimeSpan byDefault, TimeSpan? min = null, TimeSpan? max = null) => Duration(key, byDefault, min, max, FormOf(key));

    /// <summary>All settings directly below, by name, as durations, where the names are free.</summary>
    public IEnumerable<(string Name, TimeSpan Value)> Durations(TimeSpan byDefault, TimeSpan? min = null, TimeSpan? max = null) =>
        _section.Fields.Keys.Select(name => (name, Duration(name, byDefault, min, max, FormOf(FreeName))));

    /// <summary>A size in bytes with its unit: <c>64 MiB</c>, <c>512KiB</c>, <c>1g</c>.</summary>
    public long Bytes(string key, long byDefault, long min = 0, long max = long.MaxValue) =>
        Scalar(key, SettingKind.Size, ConfigUnits.FormatBytes(byDefault), ConfigUnits.FormatBytes(min), max < long.MaxValue ? ConfigUnits.FormatBytes(max) : null) switch
    {
        null => byDefault,
        var scalar when ConfigUnits.TryBytes(scalar.Text, out var value) => InRange(scalar, key, value, min, max, scalar.Text, ConfigUnits.FormatBytes),
        var scalar => Wrong(scalar, key, $"'{scalar.Text}' is not a size. Write a number with a unit: B, KiB, MiB, GiB", byDefault),
    };

    /// <summary>One of an enumeration's names, written in lower case with hyphens: <c>merge</c>, <c>read-only</c>.</summary>
    public T Choice<T>(string key, T? byDefault = null) where T : struct, Enum
    {
        var scalar = Scalar(key, SettingKind.Choice, byDefault is { } chosen ? ConfigUnits.Kebab(chosen.ToString()) : null, Choices<T>());
        if (scalar is null) return byDefault ?? Missing(key, $"one of {Choices<T>()}", default(T));
        foreach (var value in Enum.GetValues<T>())
            if (ConfigUnits.Kebab(value.ToString()) == scalar.Text) return value;
        return Wrong(scalar, key, $"'{scalar.Text}' is not allowed. Allowed: {Choices<T>()}{Nearest(scalar.Text, Enum.GetNames<T>().Select(ConfigUnits.Kebab))}",
            byDefault ?? default);
    }

    /// <summary>A list of strings; a single string counts as a list of one. Empty when absent.</summary>
    public IReadOnlyList<string> Strings(string key)
    {
        Ask(key, SettingKind.Texts);
        switch (_section.Fields.GetValueOrDefault(key))
        {
            case null: return [];
            case ConfigScalar scalar: return [scalar.Text];
            case ConfigList list when list.Items.All(item => item is ConfigScalar): return [.. list.Items.Select(item => ((ConfigScalar)item).Text)];
            case var other: return Wrong<IReadOnlyList<string>>(other, key, "expected a list of strings", []);
        }
    }

    /// <summary>A list of sections, e.g. rules; empty when absent.</summary>
    public IReadOnlyList<SettingsReader> Sections(string key)
    {
        Ask(key, SettingKind.Sections);
        switch (_section.Fields.GetValueOrDefault(key))
        {
            case null: return [];
            case ConfigList list when list.Items.All(item => item is ConfigObject):
                return [.. list.Items.Select((item, i) => new SettingsReader((ConfigObject)item, $"{PathOf(key)}[{i}]", $"{FormOf(key)}[]", Problems, Notes))];
            case var other: return Wrong<IReadOnlyList<SettingsReader>>(other, key, "expected a list of { ... }", []);
        }
    }

    /// <summary>The section below <paramref name="key"/>; an empty one when absent.</summary>
    public SettingsReader Section(string key) => Section(key, FormOf(key));

    /// <summary>All sections directly below, by name, where the names are free: sources, tables, columns.</summary>
    public IEnumerable<(string Name, SettingsReader Settings)> Children()
    {
        foreach (var name in _section.Fields.Keys)
            yield return (name, Section(name, FormOf(FreeName)));
    }

    /// <summary>All settings directly below, by name, with their text, where the names are free.</summary>
    public IReadOnlyDictionary<string, string> Texts()
    {
        var texts = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var name in _section.Fields.Keys)
            if (Scalar(name, SettingKind.Text, form: FormOf(FreeName))?.Text is { } text) texts[name] = text;
        return texts;
    }

    /// <summary>All settings below, by their paths, where these are free: a name with dots may be written as one, in quotes, or as sections.</summary>
    public IReadOnlyDictionary<string, string> TextsBelow()
    {
        var texts = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in _section.Fields)
        {
            if (value is not ConfigObject && Scalar(name, SettingKind.Text, form: FormOf(FreeName))?.Text is { } text) texts[name] = text;
            if (value is not ConfigObject) continue;
            foreach (var (path, below) in Section(name, _form).TextsBelow()) texts[$"{name}.{path}"] = below;
        }

        return texts;
    }

    /// <summary>Notes a problem with <paramref name="key"/> that only the caller can see, e.g. a broken reference.</summary>
    public void Report(string key, string message) =>
        Problems.Add(new ConfigProblem(LocationOf(key), PathOf(key), UnsetOf(key) is { } unset ? $"{message.TrimEnd('.')}. {unset.Words}" : message));

    /// <summary>The nearest of <paramref name="names"/> as <c>. Did you mean 'x'?</c>, or nothing.</summary>
    public static string Nearest(string wrong, IEnumerable<string> names) => ConfigUnits.Nearest(wrong, names);

    /// <summary>The same section, of which nothing is told: neither what is wrong with it nor that it was read. What is secret in it stays so.</summary>
    public SettingsReader Silently() => new(_section, Path, _form, [], Notes.OfSecretsOnly());

    /// <summary>Reports every setting that nobody asked for, and notes those that have no value since nobody has set their variable.</summary>
    public void Complete()
    {
        Notes.Unset.AddRange(_section.Unset.Where(unset => _known.Contains(unset.Key)).Select(unset => new ConfigNotice(unset.Value.Location, PathOf(unset.Key), unset.Value.Words)));
        foreach (var (key, value) in _section.Fields)
            if (!_known.Contains(key))
                Problems.Add(new ConfigProblem(value.Location, PathOf(key),
                    $"there is no such setting{Suggest(key)} Allowed: {string.Join(", ", _known.Order(StringComparer.Ordinal))}"));
    }

    /// <summary>The nearest setting, by its name now also when what was written is nearest to an old one.</summary>
    private string Suggest(string key)
    {
        var names = _known.ToDictionary(name => name, name => name, StringComparer.Ordinal);
        foreach (var (was, now) in _renamed) names.TryAdd(ConfigPath.First(was), was.Contains('.') ? ConfigPath.First(now) : now);
        return ConfigUnits.NearestOf(key, names.Keys) is { } nearest ? $". Did you mean '{names[nearest]}'?" : ".";
    }

    private TimeSpan Duration(string key, TimeSpan byDefault, TimeSpan? min, TimeSpan? max, string form) =>
        Scalar(key, SettingKind.Duration, ConfigUnits.Format(byDefault), ConfigUnits.Format(min ?? TimeSpan.Zero), max is { } most ? ConfigUnits.Format(most) : null, form) switch
    {
        null => byDefault,
        var scalar when ConfigUnits.TryDuration(scalar.Text, out var value) =>
            InRange(scalar, key, value, min ?? TimeSpan.Zero, max ?? ConfigUnits.DurationMax, scalar.Text, ConfigUnits.Format),
        var scalar => Wrong(scalar, key, $"'{scalar.Text}' is not a duration. Write a number with a unit: ms, s, m, h, d", byDefault),
    };

    private long Number(string key, SettingKind kind, long byDefault, long min, long max) => Scalar(key, kind, byDefault.ToString(),
        min is > int.MinValue ? min.ToString() : null, max < int.MaxValue ? max.ToString() : null) switch
    {
        null => byDefault,
        var scalar when long.TryParse(scalar.Text, out var value) => InRange(scalar, key, value, min, max, value.ToString(), v => v.ToString()),
        var scalar => Wrong(scalar, key, $"'{scalar.Text}' is not a whole number", byDefault),
    };

    private SettingsReader Section(string key, string form)
    {
        Ask(key, SettingKind.Section, form: form);
        var value = _section.Fields.GetValueOrDefault(key);
        if (value is null or ConfigObject)
            return new SettingsReader(value as ConfigObject ?? Empty, PathOf(key), form, Problems, Notes);
        return Wrong(value, key, "expected a section { ... }", new SettingsReader(Empty, PathOf(key), form, Problems, Notes));
    }

    private void Ask(string key, SettingKind kind, string? byDefault = null, string? min = null, string? max = null, string? form = null)
    {
        _known.Add(key);
        Notes.Asked.Add(new AskedSetting(PathOf(key), kind, byDefault, min, max) { Form = form ?? FormOf(key) });
    }

    private ConfigObject Empty => new(new Dictionary<string, ConfigValue>(StringComparer.Ordinal), Location);

    private string PathOf(string key) => Path.Length == 0 ? key : $"{Path}.{key}";

    private string FormOf(string key) => _form.Length == 0 ? key : $"{_form}.{key}";

    private static string Choices<T>() where T : struct, Enum => string.Join(", ", Enum.GetNames<T>().Select(ConfigUnits.Kebab));

    private ConfigScalar? Scalar(string key, SettingKind kind, string? byDefault = null, string? min = null, string? max = null, string? form = null)
    {
        Ask(key, kind, byDefault, min, max, form);
        return _section.Fields.GetValueOrDefault(key) switch
        {
            null => null,
            ConfigScalar scalar => scalar,
            var other => Wrong<ConfigScalar?>(other, key, "expected a single value", null),
        };
    }

    private T Missing<T>(string key, string expected, T standIn)
    {
        Report(key, $"is required: {expected}");
        return standIn;
    }

    private T Wrong<T>(ConfigValue value, string key, string message, T standIn)
    {
        Problems.Add(new ConfigProblem(value.Location, PathOf(key), message));
        return standIn;
    }

    private T InRange<T>(ConfigScalar scalar, string key, T value, T min, T max, string text, Func<T, string> format)
        where T : IComparable<T>
    {
        if (value.CompareTo(min) < 0) return Wrong(scalar, key, $"{text} is too small. At least {format(min)}", min);
        if (value.CompareTo(max) > 0) return Wrong(scalar, key, $"{text} is too large. At most {format(max)}", max);
        return value;
    }
}
