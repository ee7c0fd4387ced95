namespace Pipeline.Core;

public static class Durations
{
    /// <summary>A duration for people, to two units: <c>45 s</c>, <c>3 min 20 s</c>, <c>14 h 5 min</c>.</summary>
    public static string InWords(this TimeSpan duration) => duration switch
    {
        { TotalMinutes: < 1 } => $"{duration.TotalSeconds:0} s",
        { TotalHours: < 1, Seconds: 0 } => $"{duration.Minutes} min",
        { TotalHours: < 1 } => $"{duration.Minutes} min {duration.Seconds} s",
        _ => $"{(long)duration.TotalHours} h {duration.Minutes} min",
    };
}
