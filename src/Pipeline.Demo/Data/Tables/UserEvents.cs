using System.Globalization;
using System.Text;
using static Pipeline.Demo.Data.Vocabulary;

namespace Pipeline.Demo.Data.Tables;

/// <summary>What is wrong with a user event.</summary>
internal enum UserEventDirt
{
    None,
    SentTwice,
    Late,
    UserMissing,
    UserUnknown,
    UserAndTypeUnknown,
    CutOff,
    InvalidUtf8,
}

/// <summary><c>events.user_events</c>.</summary>
internal sealed class UserEvents(GeneratorSettings settings, Users users, Products products) : ITopicFeed
{
    private const int HistorySeconds = 7 * 86_400;
    private static readonly string[] Types = ["page_view", "page_view", "page_view", "page_view", "search", "add_to_cart", "purchase"];
    private static readonly Fate LateFate = Fate.Warned("on_time");
    private static readonly Fate UserMissing = Fate.Quarantined("required:user_id");
    private static readonly Fate UserUnknown = Fate.Quarantined("user_exists");
    // A row that is wrong in itself is not looked up in other tables.
    private static readonly Fate UserAndTypeUnknown = Fate.Quarantined("type_known");
    private static readonly Fate MalformedJson = Fate.Quarantined("malformed_json");

    private readonly Cohort _cohort = new(settings.Scale.UserEvents, steps: 0, settings.Scale.Gap);

    public string Name => "user_events";

    public int Partitions => 4;

    public long LastKey(int tick) => _cohort.LastKey(tick);

    public IEnumerable<Planted<KafkaRecord>> Records(int tick)
    {
        var json = new JsonRecord();
        foreach (var (key, _) in _cohort.At(tick))
        {
            var dirt = DirtOf(key);
            var record = Record(json, key, dirt);
            yield return new(record, dirt switch
            {
                UserEventDirt.Late => LateFate,
                UserEventDirt.UserMissing => UserMissing,
                UserEventDirt.UserUnknown => UserUnknown,
                UserEventDirt.UserAndTypeUnknown => UserAndTypeUnknown,
                UserEventDirt.CutOff => MalformedJson,
                UserEventDirt.InvalidUtf8 => Fate.DeadLettered,
                _ => Fate.New,
            });
            if (dirt == UserEventDirt.SentTwice) yield return new(record, Fate.Again);
        }
    }

    public static UserEventDirt DirtOf(long key)
    {
        if (key % 97 == 3) return UserEventDirt.SentTwice;
        if (key % 149 == 17) return UserEventDirt.Late;
        if (key % 193 == 5) return UserEventDirt.UserMissing;
        if (key % 211 == 7) return UserEventDirt.UserUnknown;
        if (key % 307 == 11) return UserEventDirt.CutOff;
        if (key % 401 == 13) return UserEventDirt.InvalidUtf8;
        return key % 503 == 19 ? UserEventDirt.UserAndTypeUnknown : UserEventDirt.None;
    }

    /// <summary>Whether the event reaches Silver.</summary>
    public static bool IsClean(long key) => DirtOf(key) is UserEventDirt.None or UserEventDirt.SentTwice or UserEventDirt.Late;

    /// <summary>Who did it and when, for an event that reaches Silver.</summary>
    public (long User, string Type, DateTimeOffset At, DateTimeOffset SentAt) FactsOf(long key)
    {
        var draw = new Draw(settings.Seed, Subject.UserEvent, key);
        var born = _cohort.BirthOf(key);
        var user = users.DrawClean(ref draw, born);
        var type = draw.Of(Types);
        var sent = (born == 0 ? settings.BaseTime.AddSeconds(-draw.Between(1, HistorySeconds)) : settings.TimeOf(born)).AddMilliseconds(key % 1000);
        return (user, type, DirtOf(key) == UserEventDirt.Late ? sent.AddHours(-draw.Between(48, 120)) : sent, sent);
    }

    private KafkaRecord Record(JsonRecord json, long key, UserEventDirt dirt)
    {
        var (user, type, at, sent) = FactsOf(key);
        var draw = new Draw(settings.Seed, Subject.UserEvent, key, version: 1);
        var hasPage = draw.Percent(85);
        var page = draw.Of(Pages);
        var product = products.DrawClean(ref draw);
        var hasProduct = type is "add_to_cart" or "purchase" || draw.Percent(25);
        long? shownUser = dirt switch
        {
            UserEventDirt.UserMissing => null,
            UserEventDirt.UserUnknown or UserEventDirt.UserAndTypeUnknown => GeneratorSettings.Nowhere + key,
            _ => user,
        };
        var shownType = dirt == UserEventDirt.UserAndTypeUnknown ? "teleport" : type;
        var value = json.Write((Key: key, User: shownUser, Type: shownType, Page: hasPage ? page : null, Product: hasProduct ? product : (long?)null, At: at),
            static (json, e) =>
            {
                json.WriteString("event_id", EventId(e.Key));
                if (e.User is { } user) json.WriteNumber("user_id", user);
                else json.WriteNull("user_id");
                json.WriteString("event_type", e.Type);
                if (e.Page is not null) json.WriteString("page_url", e.Page);
                if (e.Product is { } product) json.WriteNumber("product_id", product);
                json.WriteString("timestamp", JsonRecord.Time(e.At));
            });
        value = dirt switch
        {
            UserEventDirt.CutOff => JsonRecord.CutOff(value),
            UserEventDirt.InvalidUtf8 => JsonRecord.InvalidUtf8(value),
            _ => value,
        };
        return new KafkaRecord((int)(user % Partitions), Encoding.ASCII.GetBytes(user.ToString(CultureInfo.InvariantCulture)), value,
            sent.AddMilliseconds(50));
    }

    private static string EventId(long key) => $"ue-{key:x12}";
}
