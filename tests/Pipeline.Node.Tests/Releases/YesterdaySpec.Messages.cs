using System.Text;
using System.Text.Json.Nodes;
using Akka.Actor;
using Pipeline.Releases;
using Pipeline.Releases.Making;

namespace Pipeline.Node.Tests.Releases;

/// <summary>Messages between nodes and events of the coordinator: both ways, because nodes are replaced one by one.</summary>
public sealed partial class YesterdaySpec
{
    [Theory, MemberData(nameof(Releases))]
    public void Its_messages_are_read_and_what_they_said_is_written(string name)
    {
        using var system = ActorSystem.Create("messages");

        foreach (var (file, serializer, _) in MessageSamples.Serializers((ExtendedActorSystem)system))
        {
            foreach (var line in File.ReadLines(Path.Combine(Release.Of(name).Messages, file)))
            {
                var (manifest, json) = Parts(line);

                var message = serializer.FromBinary(Encoding.UTF8.GetBytes(json), manifest);

                Assert.Equal(manifest, serializer.Manifest(message));
                var written = Encoding.UTF8.GetString(serializer.ToBinary(message));
                Assert.True(SaysAll(JsonNode.Parse(json)!, JsonNode.Parse(written)), $"{manifest}\n{json} was read, and this written:\n{written}");
            }
        }
    }

    /// <summary>
    /// A node of that release passes by fields that it does not know; in those that it knows it must find values that it knows.
    /// </summary>
    [Theory, MemberData(nameof(Releases))]
    public void It_knows_every_value_that_is_written_into_its_messages(string name)
    {
        using var system = ActorSystem.Create("messages");

        foreach (var (file, serializer, types) in MessageSamples.Serializers((ExtendedActorSystem)system))
        {
            var known = Texts(File.ReadLines(Path.Combine(Release.Of(name).Messages, file))).ToLookup(text => text.Path, text => text.Value, StringComparer.Ordinal);

            var written = Texts(MessageSamples.Lines(serializer, types));

            Assert.DoesNotContain(written, text => known.Contains(text.Path) && !known[text.Path].Contains(text.Value, StringComparer.Ordinal));
        }
    }

    private static (string Manifest, string Json) Parts(string line) => (line[..line.IndexOf(' ')], line[(line.IndexOf(' ') + 1)..]);

    /// <summary>Whether everything in <paramref name="said"/> is in <paramref name="written"/>, which may have more fields.</summary>
    private static bool SaysAll(JsonNode said, JsonNode? written) => (said, written) switch
    {
        (JsonObject before, JsonObject now) => before.All(field => now.TryGetPropertyValue(field.Key, out var value) && SaysAll(field.Value!, value)),
        (JsonArray before, JsonArray now) => before.Count == now.Count && before.Zip(now).All(((JsonNode? Before, JsonNode? Now) item) => SaysAll(item.Before!, item.Now)),
        _ => JsonNode.DeepEquals(said, written),
    };

    /// <summary>Every text in messages, with its place: manifest, fields, <c>[]</c> for any item.</summary>
    private static IEnumerable<(string Path, string Value)> Texts(IEnumerable<string> lines) => lines.Select(Parts).SelectMany(message => Texts(message.Manifest, JsonNode.Parse(message.Json)!));

    private static IEnumerable<(string Path, string Value)> Texts(string path, JsonNode node) => node switch
    {
        JsonObject fields => fields.SelectMany(field => Texts($"{path}.{field.Key}", field.Value!)),
        JsonArray items => items.SelectMany(item => Texts($"{path}[]", item!)),
        JsonValue value when value.TryGetValue<string>(out var text) => [(path, text)],
        _ => [],
    };
}
