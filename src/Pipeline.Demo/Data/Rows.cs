namespace Pipeline.Demo.Data;

// The rows of the seven database tables, without `updated_at`: that is the time of the transaction that writes them.

internal sealed record CustomerOrder(long OrderId, long CustomerId, string CustomerName, string Email, DateOnly OrderDate,
    decimal? TotalAmount, string Status, string? PaymentMethod);

internal sealed record Product(long ProductId, string Sku, string? ProductName, string Category, string? Brand, decimal ListPrice,
    string Currency, bool IsActive, double? WeightKg, DateOnly? LaunchedOn, string Attributes);

internal sealed record FinancialTransaction(long TransactionId, long OrderId, string TransactionType, decimal? Amount, string Currency,
    string Status, string? ProviderReference, DateTimeOffset TransactedAt, string? Details);

internal sealed record User(long UserId, string FirstName, string LastName, string? Email, string? Phone, string? Address, string City,
    string? State, string Country, DateOnly RegistrationDate, bool IsActive, bool? MarketingConsent, string Preferences);

internal sealed record Subscription(long SubscriptionId, long UserId, string? Plan, string Status, decimal MonthlyPrice, string Currency,
    DateTimeOffset StartedAt, DateTimeOffset? CancelledAt, bool AutoRenew);

internal sealed record ProductInventory(int WarehouseId, long ProductId, int QuantityOnHand, int QuantityReserved, int? ReorderLevel,
    decimal UnitCost, bool IsDiscontinued, DateTimeOffset? LastCountedAt);

internal sealed record UserSession(Guid SessionId, long? UserId, DateTimeOffset StartedAt, DateTimeOffset? EndedAt, string? Device,
    string? IpAddress, string? UserAgent, short PageViews, bool Converted, string? Context);

/// <summary>A record for a Kafka topic.</summary>
internal readonly record struct KafkaRecord(int Partition, byte[] Key, byte[] Value, DateTimeOffset Timestamp);
