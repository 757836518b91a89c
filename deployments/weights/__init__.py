"""What models with weights share: files found or fetched and checked, modules filled, placed and kept in memory."""
