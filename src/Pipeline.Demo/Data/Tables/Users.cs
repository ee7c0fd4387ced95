using static Pipeline.Demo.Data.Vocabulary;

namespace Pipeline.Demo.Data.Tables;

/// <summary>
/// <c>app.users</c>. Dirt: bad e-mails, missing e-mails, a bad e-mail with a wrong country, good users spoilt by an update.
/// </summary>
internal sealed class Users(GeneratorSettings settings) : IDatabaseFeed<User>
{
    private static readonly Fate BadEmail = Fate.Quarantined("email_valid");
    private static readonly Fate EmailMissing = Fate.Quarantined("required:email");
    private static readonly Fate BadEmailAndCountry = Fate.Quarantined("email_valid", "country_code");

    private readonly Cohort _cohort = new(settings.Scale.Users, steps: 0, settings.Scale.Gap);

    public string Name => "users";

    public IReadOnlyList<string> Key => ["user_id"];

    public IReadOnlyList<Column<User>> Columns { get; } =
    [
        new("user_id", ColumnKind.Long, u => u.UserId),
        new("first_name", ColumnKind.Text, u => u.FirstName),
        new("last_name", ColumnKind.Text, u => u.LastName),
        new("email", ColumnKind.Text, u => u.Email),
        new("phone", ColumnKind.Text, u => u.Phone),
        new("address", ColumnKind.Text, u => u.Address),
        new("city", ColumnKind.Text, u => u.City),
        new("state", ColumnKind.Text, u => u.State),
        new("country", ColumnKind.Text, u => u.Country),
        new("registration_date", ColumnKind.Date, u => u.RegistrationDate),
        new("is_active", ColumnKind.Boolean, u => u.IsActive),
        new("marketing_consent", ColumnKind.Boolean, u => u.MarketingConsent),
        new("preferences", ColumnKind.Json, u => u.Preferences),
    ];

    public IEnumerable<Planted<User>> Rows(int tick)
    {
        foreach (var (key, version) in _cohort.At(tick))
            yield return new(Row(key, version), FateOf(key, version));
    }

    /// <summary>Whether the user reaches Silver: what others may refer to.</summary>
    public static bool IsClean(long key) => !IsEmailBad(key) && !IsEmailMissing(key);

    /// <summary>A clean user that exists once <paramref name="tick"/> has been written.</summary>
    public long DrawClean(ref Draw draw, int tick)
    {
        var last = _cohort.LastKey(tick);
        var key = draw.Below(last) + 1;
        while (!IsClean(key)) key = (key % last) + 1;
        return key;
    }

    private static bool IsEmailBad(long key) => key % 103 == 7 || IsCountryWrong(key);

    private static bool IsCountryWrong(long key) => key % 401 == 13;

    private static bool IsEmailMissing(long key) => key % 211 == 9 && !IsEmailBad(key);

    private static bool IsSpoilt(long key, int version) => version == 1 && key % 89 == 5;

    private static Fate FateOf(long key, int version)
    {
        if (IsCountryWrong(key)) return BadEmailAndCountry;
        if (IsEmailMissing(key)) return EmailMissing;
        if (IsEmailBad(key) || IsSpoilt(key, version)) return BadEmail;
        return IsSpoilt(key, version - 1) ? Fate.Mends(BadEmail) : Fate.Accepted(version);
    }

    private User Row(long key, int version)
    {
        var draw = new Draw(settings.Seed, Subject.User, key);
        var (first, last) = (draw.Of(FirstNames), draw.Of(LastNames));
        var (city, state, country) = draw.Of(Places);
        var mailbox = $"user.{key}{(version == 0 ? "" : $".v{version}")}";
        var email = IsEmailMissing(key) ? null : IsEmailBad(key) || IsSpoilt(key, version) ? mailbox : $"{mailbox}@example.org";
        var born = _cohort.BirthOf(key);
        return new User(
            key,
            first,
            last,
            email,
            draw.Percent(20) ? null : $"+49 30 {draw.Between(1_000_000, 9_999_999)}",
            draw.Percent(5) ? null : $"{draw.Of(Streets)} {draw.Between(1, 200)}",
            city,
            state,
            IsCountryWrong(key) ? "nowhere" : country,
            born == 0 ? settings.BaseDay.AddDays(-draw.Between(0, 1_000)) : DateOnly.FromDateTime(settings.TimeOf(born).UtcDateTime),
            version % 5 != 4,
            draw.Percent(10) ? null : draw.Percent(60),
            $$"""{"language":"{{country.ToLowerInvariant()}}","newsletter":{{(draw.Percent(50) ? "true" : "false")}},"visits":{{version}}}""");
    }
}
