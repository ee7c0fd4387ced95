using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Node.Http.Access;

namespace Pipeline.Node.Http.Api;

/// <summary>The list of endpoints as OpenAPI 3.1 has it, with a schema of each document made from the type that is written.</summary>
internal static class OpenApiDocument
{
    private static readonly Lazy<string> Made = new(() => Of(ApiEndpoints.All).ToJsonString(Listing.Json) + "\n");

    public static string Text => Made.Value;

    public static JsonObject Of(IReadOnlyList<ApiEndpoint> endpoints)
    {
        var schemas = new JsonObject { [nameof(ApiProblem)] = Schema(typeof(ApiProblem), ApiJson.Options, nameof(ApiProblem)) };
        var paths = new JsonObject();
        foreach (var path in endpoints.GroupBy(endpoint => endpoint.Path, StringComparer.Ordinal))
            paths[path.Key] = new JsonObject(path.Select(endpoint => KeyValuePair.Create(endpoint.Method.ToLowerInvariant(), (JsonNode?)Operation(endpoint, schemas))));
        return new JsonObject
        {
            ["openapi"] = "3.1.0",
            ["info"] = new JsonObject { ["title"] = "pipeline", ["version"] = $"{ApiJson.SchemaVersion}", ["description"] = "What can be asked of a running node. docs/security.md says who may reach what." },
            ["paths"] = paths,
            ["components"] = new JsonObject
            {
                ["securitySchemes"] = new JsonObject { ["token"] = new JsonObject { ["type"] = "http", ["scheme"] = "bearer" }, ["session"] = new JsonObject { ["type"] = "apiKey", ["in"] = "cookie", ["name"] = AccessGate.Cookie } },
                ["schemas"] = schemas,
            },
        };
    }

    private static JsonObject Operation(ApiEndpoint endpoint, JsonObject schemas)
    {
        var operation = new JsonObject { ["summary"] = endpoint.Summary, ["x-access"] = endpoint.Access.ToString().ToLowerInvariant(), ["x-changes"] = endpoint.Changes };
        if (endpoint.Access.ToRole() is not null) operation["security"] = new JsonArray(new JsonObject { ["token"] = new JsonArray() }, new JsonObject { ["session"] = new JsonArray() });
        if (endpoint.Parameters.Count > 0) operation["parameters"] = new JsonArray([.. endpoint.Parameters.Select(Parameter)]);
        if (endpoint.Body is { } body) operation["requestBody"] = new JsonObject { ["required"] = true, ["content"] = Content("application/json", Reference(body, ApiJson.Reading, schemas)) };
        var done = new JsonObject { ["description"] = "Done." };
        if (endpoint.Answer is { } answer) done["content"] = Content("application/json", Reference(answer, ApiJson.Options, schemas));
        else if (endpoint.MediaType is { } media) done["content"] = Content(media, new JsonObject());
        operation["responses"] = new JsonObject
        {
            ["2XX"] = done,
            ["default"] = new JsonObject { ["description"] = "What went wrong.", ["content"] = Content(ApiProblem.MediaType, new JsonObject { ["$ref"] = $"#/components/schemas/{nameof(ApiProblem)}" }) },
        };
        return operation;
    }

    private static JsonNode Parameter(ApiParameter parameter)
    {
        var schema = new JsonObject { ["type"] = parameter.Type };
        if (parameter.Type == "integer") (schema["minimum"], schema["maximum"], schema["default"]) = (parameter.Min, parameter.Max, parameter.Default);
        return new JsonObject { ["name"] = parameter.Name, ["in"] = parameter.IsInPath ? "path" : "query", ["required"] = parameter.IsInPath, ["description"] = parameter.Meaning, ["schema"] = schema };
    }

    private static JsonObject Content(string media, JsonNode schema) => new() { [media] = new JsonObject { ["schema"] = schema } };

    private static JsonObject Reference(Type type, JsonSerializerOptions options, JsonObject schemas)
    {
        var name = NameOf(type);
        if (!schemas.ContainsKey(name)) schemas[name] = Schema(type, options, name);
        return new JsonObject { ["$ref"] = $"#/components/schemas/{name}" };
    }

    private static string NameOf(Type type) => type.IsGenericType ? $"{string.Concat(type.GetGenericArguments().Select(NameOf))}{type.Name.Split('`')[0]}" : type.Name;

    private static JsonNode Schema(Type type, JsonSerializerOptions options, string name)
    {
        var schema = options.GetJsonSchemaAsNode(type, new JsonSchemaExporterOptions
        {
            TreatNullObliviousAsNonNullable = true,
            // It has its own words for itself.
            TransformSchemaNode = (context, node) => context.TypeInfo.Type == typeof(TableId) ? new JsonObject { ["type"] = "string" } : node,
        });
        Point(schema, name);
        return schema;
    }

    /// <summary>What a schema says of a part of itself, it says of where it stands here.</summary>
    private static void Point(JsonNode? node, string name)
    {
        switch (node)
        {
            case JsonObject members:
                if (members["$ref"] is JsonValue part && (string)part! is ['#', .. var rest]) members["$ref"] = $"#/components/schemas/{name}{rest}";
                foreach (var member in members) Point(member.Value, name);
                break;
            case JsonArray items:
                foreach (var item in items) Point(item, name);
                break;
        }
    }
}
