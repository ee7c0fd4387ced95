using System.Text;
using static Pipeline.Demo.Data.Vocabulary;

namespace Pipeline.Demo.Data.Tables;

/// <summary>
/// <c>events.system_metrics</c>. Dirt: values that are no number, negative values, missing hosts, sent twice, invalid UTF-8.
/// </summary>
internal sealed class SystemMetrics(GeneratorSettings settings) : ITopicFeed
{
    private static readonly Fate ValueNoNumber = Fate.Quarantined("type:value");
    private static readonly Fate ValueNegative = Fate.Quarantined("value_plausible");
    private static readonly Fate HostMissing = Fate.Quarantined("required:host");

    private readonly Cohort _cohort = new(settings.Scale.SystemMetrics, steps: 0, settings.Scale.Gap);

    private enum Dirt
    {
        None,
        SentTwice,
        ValueNoNumber,
        ValueNegative,
        HostMissing,
        InvalidUtf8,
    }

    public string Name => "system_metrics";

    public int Partitions => 2;

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
                Dirt.ValueNoNumber => ValueNoNumber,
                Dirt.ValueNegative => ValueNegative,
                Dirt.HostMissing => HostMissing,
                Dirt.InvalidUtf8 => Fate.DeadLettered,
                _ => Fate.New,
            });
            if (dirt == Dirt.SentTwice) yield return new(record, Fate.Again);
        }
    }

    /// <summary>Whether the metric reaches Silver.</summary>
    public static bool IsClean(long key) => DirtOf(key) is Dirt.None or Dirt.SentTwice;

    public bool IsAlert(long key) => new Draw(settings.Seed, Subject.SystemMetric, key, version: 1).Percent(2);

    public DateOnly DateOf(long key) => DateOnly.FromDateTime(settings.TimeOf(_cohort.BirthOf(key)).UtcDateTime);

    private static Dirt DirtOf(long key)
    {
        if (key % 97 == 3) return Dirt.SentTwice;
        if (key % 193 == 5) return Dirt.ValueNoNumber;
        if (key % 211 == 7) return Dirt.ValueNegative;
        if (key % 307 == 11) return Dirt.HostMissing;
        return key % 401 == 13 ? Dirt.InvalidUtf8 : Dirt.None;
    }

    private KafkaRecord Record(JsonRecord json, long key, Dirt dirt)
    {
        var draw = new Draw(settings.Seed, Subject.SystemMetric, key);
        var host = draw.Between(1, 20);
        var (metric, unit, max) = draw.Of(Metrics);
        var measured = Math.Round(draw.Below(max * 1_000L) / 1_000d, 3);
        var at = settings.TimeOf(_cohort.BirthOf(key)).AddMilliseconds(key % 1000);
        var value = json.Write((Key: key, Host: dirt == Dirt.HostMissing ? null : $"web-{host:D2}", Service: draw.Of(Services), Metric: metric, Unit: unit,
                Value: measured, HasValue: draw.Percent(97), IsAlert: IsAlert(key), Dirt: dirt, At: at),
            static (json, e) =>
            {
                json.WriteString("metric_id", $"sm-{e.Key:x12}");
                json.WriteStartObject("source");
                json.WriteString("host", e.Host);
                json.WriteString("service", e.Service);
                json.WriteEndObject();
                json.WriteString("metric", e.Metric);
                if (e.Dirt == Dirt.ValueNoNumber) json.WriteString("value", "n/a");
                else if (e.Dirt == Dirt.ValueNegative) json.WriteNumber("value", -1d - e.Value);
                else if (e.HasValue) json.WriteNumber("value", e.Value);
                else json.WriteNull("value");
                json.WriteString("unit", e.Unit);
                json.WriteBoolean("alert", e.IsAlert);
                json.WriteString("timestamp", JsonRecord.Time(e.At));
            });
        return new KafkaRecord(host % Partitions, Encoding.ASCII.GetBytes($"web-{host:D2}"),
            dirt == Dirt.InvalidUtf8 ? JsonRecord.InvalidUtf8(value) : value, at);
    }
}
