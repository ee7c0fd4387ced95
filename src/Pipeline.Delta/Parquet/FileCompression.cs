using System.Globalization;
using Pipeline.Configuration;

namespace Pipeline.Delta.Parquet;

/// <summary>How a data file is compressed.</summary>
/// <param name="Level">Of <see cref="Codec.Zstd"/>, from <see cref="LevelMin"/> to <see cref="LevelMax"/>: the higher, the smaller and slower. Null: the writer's own, which is 3.</param>
public readonly record struct FileCompression(Codec Codec, int? Level = null)
{
    public const int LevelMin = 1;
    public const int LevelMax = 22;

    /// <summary>What can be written in the configuration.</summary>
    internal static readonly string Forms = $"snappy, zstd, or zstd-{LevelMin} to zstd-{LevelMax}";

    public static implicit operator FileCompression(Codec codec) => new(codec);

    /// <summary>Reads a setting; a wrong one is reported.</summary>
    /// <param name="byDefault">Where it is not there.</param>
    public static FileCompression Bind(SettingsReader settings, string key, FileCompression byDefault)
    {
        var text = settings.String(key, byDefault.ToString());
        if (TryParse(text) is { } read) return read;
        Report(settings, key, text);
        return byDefault;
    }

    /// <summary>Null: it is none.</summary>
    public static FileCompression? TryParse(string text) => text.Split('-') switch
    {
        ["snappy"] => Codec.Snappy,
        ["zstd"] => Codec.Zstd,
        ["zstd", var level] when int.TryParse(level, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is >= LevelMin and <= LevelMax => new FileCompression(Codec.Zstd, number),
        _ => null,
    };

    /// <summary>As it is written in the configuration.</summary>
    public override string ToString() => Level is { } level ? string.Create(CultureInfo.InvariantCulture, $"{Codec.Name()}-{level}") : Codec.Name();

    internal static void Report(SettingsReader settings, string key, string text) => settings.Report(key, $"'{text}' is no compression of data files. Write {Forms}");
}
