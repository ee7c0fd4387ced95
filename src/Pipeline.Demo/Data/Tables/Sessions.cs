using static Pipeline.Demo.Data.Vocabulary;

namespace Pipeline.Demo.Data.Tables;

/// <summary>
/// <c>app.user_sessions</c>: open when new, ended a gap later; those of the initial load have ended. Dirt: missing
/// devices, ends before the start, unknown users.
/// </summary>
internal sealed class Sessions(GeneratorSettings settings, Users users) : IDatabaseFeed<UserSession>
{
    private static readonly Fate DeviceMissing = Fate.Quarantined("required:device");
    private static readonly Fate UserUnknown = Fate.Quarantined("user_exists");
    private static readonly Fate PeriodWrong = Fate.Quarantined("period_valid");

    private readonly Cohort _cohort = new(settings.Scale.Sessions, steps: 1, settings.Scale.Gap);

    public string Name => "user_sessions";

    public IReadOnlyList<string> Key => ["session_id"];

    public IReadOnlyList<Column<UserSession>> Columns { get; } =
    [
        new("session_id", ColumnKind.Uuid, s => s.SessionId),
        new("user_id", ColumnKind.Long, s => s.UserId),
        new("started_at", ColumnKind.Timestamp, s => s.StartedAt),
        new("ended_at", ColumnKind.Timestamp, s => s.EndedAt),
        new("device", ColumnKind.Text, s => s.Device),
        new("ip_address", ColumnKind.Inet, s => s.IpAddress),
        new("user_agent", ColumnKind.Text, s => s.UserAgent),
        new("page_views", ColumnKind.Short, s => s.PageViews),
        new("converted", ColumnKind.Boolean, s => s.Converted),
        new("context", ColumnKind.Json, s => s.Context),
    ];

    public IEnumerable<Planted<UserSession>> Rows(int tick)
    {
        foreach (var (key, version) in _cohort.At(tick))
            yield return new(Row(key, version), FateOf(key, version));
    }

    private static bool IsDeviceMissing(long key) => key % 227 == 9;

    private static bool IsUserUnknown(long key) => key % 173 == 5 && !IsDeviceMissing(key);

    /// <summary>The end of a session is written before its start; the open session stays.</summary>
    private bool IsPeriodWrong(long key, int version) =>
        key % 163 == 3 && !IsDeviceMissing(key) && !IsUserUnknown(key) && IsEnded(key, version);

    private bool IsEnded(long key, int version) => version > 0 || key <= _cohort.Initial;

    private Fate FateOf(long key, int version)
    {
        if (IsDeviceMissing(key)) return DeviceMissing;
        if (IsUserUnknown(key)) return UserUnknown;
        return IsPeriodWrong(key, version) ? PeriodWrong : Fate.Accepted(version);
    }

    private UserSession Row(long key, int version)
    {
        var draw = new Draw(settings.Seed, Subject.Session, key);
        var id = draw.Guid();
        var born = _cohort.BirthOf(key);
        var user = users.DrawClean(ref draw, born);
        var isAnonymous = draw.Percent(25);
        var started = key > _cohort.Initial ? settings.TimeOf(born) : settings.BaseTime.AddSeconds(-draw.Between(3_600, 7 * 86_400));
        var isEnded = IsEnded(key, version);
        var ended = IsPeriodWrong(key, version) ? started.AddMinutes(-1) : started.AddSeconds(draw.Between(5, 3_000));
        return new UserSession(
            id,
            IsUserUnknown(key) ? GeneratorSettings.Nowhere + key : isAnonymous ? null : user,
            started,
            isEnded ? ended : null,
            IsDeviceMissing(key) ? null : draw.Of(Devices),
            draw.Percent(5) ? null : $"10.{draw.Between(0, 255)}.{draw.Between(0, 255)}.{draw.Between(1, 254)}",
            draw.Percent(10) ? null : "Mozilla/5.0 (X11; Linux x86_64)",
            (short)(isEnded ? draw.Between(1, 60) : 1),
            isEnded && draw.Percent(8),
            draw.Percent(40) ? null : $$"""{"campaign":"{{draw.Of(Colours)}}","referrer":null}""");
    }
}
