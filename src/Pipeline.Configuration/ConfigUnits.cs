using System.Globalization;
using System.Text;

namespace Pipeline.Configuration;

/// <summary>How units and names are written in HOCON.</summary>
public static class ConfigUnits
{
    /// <summary>The longest duration that is a setting: a moment so far away, or so long ago, is still a date.</summary>
    public static readonly TimeSpan DurationMax = TimeSpan.FromDays(36_500);

    /// <summary>A number and a unit: <c>250ms</c>, <c>1.5 s</c>, <c>10 minutes</c>.</summary>
    public static bool TryDuration(string text, out TimeSpan value)
    {
        value = default;
        if (!TrySplit(text, out var number, out var unit)) return false;
        double? seconds = unit switch
        {
            "ms" or "milli" or "millis" or "millisecond" or "milliseconds" => 0.001,
            "s" or "second" or "seconds" => 1,
            "m" or "minute" or "minutes" => 60,
            "h" or "hour" or "hours" => 3600,
            "d" or "day" or "days" => 86400,
            _ => null,
        };
        if (seconds is null || number * seconds.Value >= TimeSpan.MaxValue.TotalSeconds) return false;
        value = TimeSpan.FromSeconds(number * seconds.Value);
        return true;
    }

    /// <summary>A number and a unit, bytes without one: <c>64 MiB</c>, <c>1g</c>, <c>512</c>.</summary>
    public static bool TryBytes(string text, out long value)
    {
        value = 0;
        if (!TrySplit(text, out var number, out var unit)) return false;
        double? factor = unit switch
        {
            "" or "B" or "b" or "byte" or "bytes" => 1,
            "K" or "k" or "KiB" or "Ki" => 1L << 10,
            "M" or "m" or "MiB" or "Mi" => 1L << 20,
            "G" or "g" or "GiB" or "Gi" => 1L << 30,
            "T" or "t" or "TiB" or "Ti" => 1L << 40,
            "kB" or "KB" => 1e3,
            "MB" => 1e6,
            "GB" => 1e9,
            "TB" => 1e12,
            _ => null,
        };
        if (factor is null) return false;
        value = (long)(number * factor.Value);
        return true;
    }

    internal static string Format(TimeSpan value) =>
        value == TimeSpan.MaxValue ? "any length"
        : value.TotalSeconds < 1 ? $"{value.TotalMilliseconds:0}ms"
        : value.TotalMinutes < 1 ? $"{value.TotalSeconds:0.###}s"
        : value.TotalHours < 1 ? $"{value.TotalMinutes:0.###}m"
        : $"{value.TotalHours:0.###}h";

    internal static string FormatBytes(long value) => value switch
    {
        >= 1L << 40 => $"{value / (double)(1L << 40):0.##} TiB",
        >= 1L << 30 => $"{value / (double)(1L << 30):0.##} GiB",
        >= 1L << 20 => $"{value / (double)(1L << 20):0.##} MiB",
        >= 1L << 10 => $"{value / (double)(1L << 10):0.##} KiB",
        _ => $"{value} B",
    };

    /// <summary><c>ReadOnly</c> as <c>read-only</c>.</summary>
    internal static string Kebab(string name)
    {
        var text = new StringBuilder(name.Length + 4);
        for (var i = 0; i < name.Length; i++)
        {
            if (char.IsUpper(name[i]) && i > 0) text.Append('-');
            text.Append(char.ToLowerInvariant(name[i]));
        }

        return text.ToString();
    }

    internal static string Nearest(string wrong, IEnumerable<string> names) =>
        NearestOf(wrong, names) is { } nearest ? $". Did you mean '{nearest}'?" : ".";

    /// <summary>Null when none is near.</summary>
    internal static string? NearestOf(string wrong, IEnumerable<string> names)
    {
        var best = names.Select(name => (name, distance: Distance(wrong, name))).OrderBy(pair => pair.distance).FirstOrDefault();
        return best.name is not null && best.distance <= Math.Max(2, wrong.Length / 3) ? best.name : null;
    }

    private static bool TrySplit(string text, out double number, out string unit)
    {
        text = text.Trim();
        var end = 0;
        while (end < text.Length && (char.IsAsciiDigit(text[end]) || text[end] == '.')) end++;
        unit = text[end..].Trim();
        return double.TryParse(text.AsSpan(0, end), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out number);
    }

    /// <summary>Levenshtein's distance: insertions, deletions and replacements.</summary>
    private static int Distance(string a, string b)
    {
        var previous = new int[b.Length + 1];
        var current = new int[b.Length + 1];
        for (var j = 0; j <= b.Length; j++) previous[j] = j;
        for (var i = 1; i <= a.Length; i++)
        {
            current[0] = i;
            for (var j = 1; j <= b.Length; j++)
                current[j] = Math.Min(Math.Min(current[j - 1], previous[j]) + 1, previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
            (previous, current) = (current, previous);
        }

        return previous[b.Length];
    }
}
