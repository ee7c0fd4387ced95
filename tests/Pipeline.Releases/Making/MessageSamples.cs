using System.Collections.Immutable;
using System.Reflection;
using System.Text;
using Akka.Actor;
using Akka.Serialization;
using Pipeline.Core;
using Pipeline.Ingest;
using Pipeline.Transform.Coordination;

namespace Pipeline.Releases.Making;

/// <summary>
/// Writes every message and event that this release knows, as the bytes that it sends or stores: with all its fields, once for
/// each value of its enumerations, and with those only that must have a value.
/// </summary>
public static class MessageSamples
{
    /// <summary>More than any enumeration has values.</summary>
    private const int ChoicesMax = 20;

    private static readonly DateTimeOffset At = new(2026, 3, 1, 12, 30, 0, 125, TimeSpan.Zero);

    /// <summary>A file for each serializer, a line for each message: its manifest, a space, its bytes, which are text.</summary>
    public static void Write(string directory)
    {
        Directory.CreateDirectory(directory);
        using var system = ActorSystem.Create("samples");
        foreach (var (file, serializer, types) in Serializers((ExtendedActorSystem)system))
            File.WriteAllText(Path.Combine(directory, file), string.Concat(Lines(serializer, types).Select(line => line + "\n")));
    }

    /// <summary>The serializers of this release, with the names of their files.</summary>
    public static IReadOnlyList<(string File, SerializerWithStringManifest Serializer, IReadOnlyCollection<Type> Types)> Serializers(ExtendedActorSystem system) =>
    [
        ("ingest.txt", new IngestMessageSerializer(system), IngestMessageSerializer.Types),
        ("transform.txt", new TransformMessageSerializer(system), TransformMessageSerializer.Types),
    ];

    public static IEnumerable<string> Lines(SerializerWithStringManifest serializer, IEnumerable<Type> types) =>
        types.SelectMany(type => Enumerable.Range(0, ChoicesMax).Select(choice => Sample(type, choice)).Append(Sample(type, choice: null)))
            .Select(sample => $"{serializer.Manifest(sample)} {Encoding.UTF8.GetString(serializer.ToBinary(sample))}").Distinct(StringComparer.Ordinal);

    /// <param name="choice">Which of an enumeration's values; null: the first, and nothing that may be left out.</param>
    private static object Sample(Type type, int? choice)
    {
        var constructor = type.GetConstructors().MaxBy(constructor => constructor.GetParameters().Length)!;
        var nullability = new NullabilityInfoContext();
        var sample = constructor.Invoke([.. constructor.GetParameters().Select(parameter =>
            choice is not null || nullability.Create(parameter).WriteState != NullabilityState.Nullable ? Value(parameter.ParameterType, parameter.Name!, choice) : null)]);
        // What is set by name and not by the constructor.
        foreach (var property in type.GetProperties().Where(property => property.CanWrite && !constructor.GetParameters().Any(parameter => parameter.Name == property.Name)))
            if (choice is not null || nullability.Create(property).WriteState != NullabilityState.Nullable)
                property.SetValue(sample, Value(property.PropertyType, property.Name, choice));
        return sample;
    }

    private static object Value(Type type, string name, int? choice)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type == typeof(string)) return Text(name);
        if (type == typeof(TableId)) return TableId.Parse(Text("table"));
        if (type == typeof(SplitId)) return SplitId.Parse(Text("split"));
        if (type == typeof(long)) return 1_234_567_890_123L;
        if (type == typeof(int)) return 42;
        if (type == typeof(uint)) return 0xFEDC_BA98;
        if (type == typeof(bool)) return choice is not null;
        if (type == typeof(double)) return 0.875;
        if (type == typeof(decimal)) return 0.125m;
        if (type == typeof(DateTimeOffset)) return At;
        if (type == typeof(TimeSpan)) return TimeSpan.FromMilliseconds(1_250);
        if (type == typeof(Guid)) return Guid.Parse("0f8fad5b-d9cb-469f-a165-70867728950e");
        if (type == typeof(byte[])) return (byte[])[1, 2, 255];
        if (type.IsEnum) return Enum.GetValues(type).GetValue((choice ?? 0) % Enum.GetValues(type).Length)!;
        if (type.IsArray) return Items(type.GetElementType()!, name, choice);
        if (type.IsGenericType && type.GetGenericTypeDefinition() is var generic)
        {
            if (generic == typeof(IReadOnlyList<>)) return Items(type.GetGenericArguments()[0], name, choice);
            if (generic == typeof(ImmutableArray<>)) return ToImmutableArray.MakeGenericMethod(type.GetGenericArguments()).Invoke(null, [Items(type.GetGenericArguments()[0], name, choice)])!;
            if (generic == typeof(ImmutableDictionary<,>) || generic == typeof(ImmutableSortedDictionary<,>))
            {
                var (key, value) = (type.GetGenericArguments()[0], type.GetGenericArguments()[1]);
                var empty = type.GetField("Empty")!.GetValue(null)!;
                return choice is null ? empty : type.GetMethod("Add")!.Invoke(empty, [Value(key, name, choice), Value(value, "value", choice)])!;
            }
        }

        return Sample(type, choice);
    }

    /// <summary>A text that may stand where it does.</summary>
    private static string Text(string name) => name.ToLowerInvariant() switch
    {
        "table" or "known" => "bronze/app/users",
        "split" or "splits" or "positions" => "app/users/20000",
        "path" => "_ingest_date=2026-03-01/part-0.parquet",
        "partitionvalues" => "_ingest_date",
        "stats" => """{"numRecords":3}""",
        var other => $"the {other}",
    };

    private static readonly MethodInfo ToImmutableArray = typeof(ImmutableArray).GetMethods()
        .Single(method => method.Name == nameof(ImmutableArray.Create) && method.GetParameters() is [{ ParameterType.IsArray: true }]);

    /// <summary>One with everything and one with the least; none in a message with the least.</summary>
    private static Array Items(Type type, string name, int? choice)
    {
        var items = Array.CreateInstance(type, choice is null ? 0 : 2);
        if (choice is null) return items;
        items.SetValue(Value(type, name, choice), 0);
        items.SetValue(Value(type, name, choice: null), 1);
        return items;
    }
}
