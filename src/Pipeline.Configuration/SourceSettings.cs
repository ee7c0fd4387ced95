namespace Pipeline.Configuration;

/// <summary>
/// What sources of every kind are asked for alike: a setting of one of these names has the same meaning, unit and range
/// wherever it is. A source gives its default, and what the setting costs and brings there.
/// </summary>
public static class SourceSettings
{
    /// <summary>Bytes of memory after which a chunk of rows is handed on.</summary>
    public static long ChunkBytesMax(this SettingsReader settings, long byDefault) => settings.Bytes("chunk-bytes-max", byDefault, 4L << 10, 1L << 30);

    /// <summary>Time after which a chunk is handed on, however small.</summary>
    public static TimeSpan ChunkAgeMax(this SettingsReader settings, TimeSpan byDefault) =>
        settings.Duration("chunk-age-max", byDefault, TimeSpan.Zero, TimeSpan.FromMinutes(1));

    /// <summary>Bytes of memory that one node holds of one source, fetched and not yet taken: all its tables together, each an equal share.</summary>
    public static long ReadAheadBytesMax(this SettingsReader settings, long byDefault) => settings.Bytes("read-ahead-bytes-max", byDefault, 4L << 10, 4L << 30);

    /// <summary>Pieces of one table that are fetched at the same time.</summary>
    public static int ReadersMax(this SettingsReader settings, int byDefault) => settings.Int("readers-max", byDefault, 1, 64);

    /// <summary>Pause between two looks for changed rows.</summary>
    public static TimeSpan PollInterval(this SettingsReader settings, TimeSpan byDefault) =>
        settings.Duration("poll-interval", byDefault, TimeSpan.FromMilliseconds(10), TimeSpan.FromDays(1));

    /// <summary>How long after its watermark was taken a row may become visible: windows end so long before the system's clock.</summary>
    public static TimeSpan CommitLag(this SettingsReader settings, TimeSpan byDefault) =>
        settings.Duration("commit-lag", byDefault, TimeSpan.Zero, TimeSpan.FromDays(1));

    /// <summary>Words by which a table is chosen, with others: <c>tag:WORD</c>.</summary>
    public static IReadOnlyList<string> Tags(this SettingsReader settings)
    {
        var tags = settings.Strings("tags");
        foreach (var tag in tags.Where(tag => tag.Length == 0 || tag.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('_' or '-'))))
            settings.Report("tags", $"'{tag}' is no tag. Write letters, digits, _ and -");
        return tags;
    }

    /// <summary>How long a connection may take to be made.</summary>
    public static TimeSpan ConnectTimeout(this SettingsReader settings, TimeSpan byDefault) =>
        settings.Duration("connect-timeout", byDefault, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10));

    /// <summary>How long an answer may take.</summary>
    public static TimeSpan RequestTimeout(this SettingsReader settings, TimeSpan byDefault) =>
        settings.Duration("request-timeout", byDefault, TimeSpan.FromMilliseconds(100), TimeSpan.FromDays(1));
}
