namespace Pipeline.Delta.Log;

/// <summary>Time as the log keeps it: whole milliseconds.</summary>
internal static class LogTime
{
    public static DateTimeOffset Now(TimeProvider time) => DateTimeOffset.FromUnixTimeMilliseconds(time.GetUtcNow().ToUnixTimeMilliseconds());
}
